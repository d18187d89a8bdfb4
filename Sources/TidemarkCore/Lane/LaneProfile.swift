/// What a lane is: the meaning of its entries, how it is served, and what is published about it.
///
/// ``LaneCatalog`` derives the profile from the lane's name and the settings, and the owned lane carries it. Code that serves a lane asks the
/// profile and never the name. A further role is a case of ``Role`` with an initializer of its own, so that it leaves the others as they are.
package struct LaneProfile: Sendable, Equatable {
  /// The meaning of a lane's entries.
  package enum Role: Sendable, Equatable {
    /// The entries are changes of the sessions of one partition. A change of another session is applied and counted as misrouted.
    case partition(SessionPartition)
    /// The entries are changes of any sessions. The configuration names the stream.
    case stream
  }

  package var role: Role
  /// The row of the table `leases` under which the lane is leased.
  package var shard: Int
  /// The name or pattern of the item of `lanes` that matches the lane; nil for a lane that exists without an item.
  package var item: String?
  /// The position where reading begins if the lane has no cursor. That of an item applies to the streams that exist when the item first
  /// takes effect.
  package var start: LaneStart
  /// Whether the lane is served while its stream does not exist. A lane of a pattern comes and goes with its stream.
  package var isServedWithoutStream: Bool
  /// Whether Tidemark trims the stream. Streams that the configuration names belong to others, who trim them.
  package var trimsStream: Bool
  /// Where the durable mark is published.
  package var markPlace: MarkPlace
  /// Whether the lane's pressure is published.
  package var publishesPressure: Bool
  /// The label under which metrics count the lane. Lanes of a pattern are counted under the pattern, because their streams come and go.
  package var metricLabel: String

  /// Creates the profile of a partition's lane.
  package init(_ partition: SessionPartition, _ keys: PartitionKeys) {
    role = .partition(partition)
    shard = partition.number % Shard.count
    item = nil
    start = .oldest
    isServedWithoutStream = true
    trimsStream = true
    markPlace = .laneHash(keys)
    publishesPressure = true
    metricLabel = keys.changes
  }

  /// Creates the profile of a stream that an item of `lanes` matches.
  package init(stream: String, of item: LaneItem, _ keys: KeyNames) {
    role = .stream
    shard = Shard.of(stream)
    self.item = item.streams
    start = item.start
    isServedWithoutStream = !item.isPattern
    trimsStream = false
    markPlace = .sharedHash(key: keys.sharedMarks)
    publishesPressure = false
    metricLabel = item.streams
  }

  /// The partition whose sessions belong to the lane; nil if every session may.
  package var partition: SessionPartition? {
    switch role {
    case .partition(let partition): partition
    case .stream: nil
    }
  }
}
