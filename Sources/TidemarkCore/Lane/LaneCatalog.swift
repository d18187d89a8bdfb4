/// The lanes of the settings and their profiles. Only the catalog interprets the name of a stream.
package struct LaneCatalog: Sendable, Equatable {
  package let keys: KeyNames
  /// The number of partitions; nil if the lanes of the partitions are off.
  package let partitions: Int?
  package let items: [LaneItem]
  private let profiles: [String: LaneProfile]

  /// - Parameters:
  ///   - prefix: the beginning of the names of the partitions' lanes and of all keys of the installation.
  ///   - partitions: the number of partitions; nil if the lanes of the partitions are off.
  ///   - items: the lanes beside them. An item does not change the lane of a partition.
  package init(prefix: String, partitions: Int?, items: [LaneItem] = []) {
    keys = KeyNames(prefix: prefix)
    self.partitions = partitions
    self.items = items
    var profiles: [String: LaneProfile] = [:]
    for item in items where !item.isPattern { profiles[item.streams] = LaneProfile(stream: item.streams, of: item, keys) }
    for number in 0..<(partitions ?? 0) {
      let keys = keys.partition(number)
      profiles[keys.changes] = LaneProfile(SessionPartition(number: number, count: partitions ?? 0), keys)
    }
    self.profiles = profiles
  }

  /// Returns the catalog of the installation with other items of `lanes`.
  package func with(items: [LaneItem]) -> LaneCatalog { LaneCatalog(prefix: keys.prefix, partitions: partitions, items: items) }

  /// Returns the profile of the lane with a name; nil for a stream that is no lane.
  package func profile(of lane: String) -> LaneProfile? {
    if let profile = profiles[lane] { return profile }
    return items.first { $0.isPattern && $0.covers(lane) }.map { LaneProfile(stream: lane, of: $0, keys) }
  }

  /// Returns where a lane's mark is published, also for a lane that the settings no longer contain.
  package func markPlace(of lane: String) -> MarkPlace { profiles[lane]?.markPlace ?? .sharedHash(key: keys.sharedMarks) }

  /// Returns the shard of a lane, also for a lane that the settings no longer contain.
  package func shard(of lane: String) -> Int { profiles[lane]?.shard ?? Shard.of(lane) }

  /// The names of the partitions' lanes, in the order of their numbers.
  package var partitionLanes: [String] { (0..<(partitions ?? 0)).map { keys.partition($0).changes } }

  /// Returns the keys of a session's hot state; nil if the lanes of the partitions are off.
  package func hotKeys(of session: String) -> SessionKeys? {
    partitions.map { keys.partition(Int(CRC16.xmodem(session.utf8)) % $0).session(session) }
  }

  /// The lanes that are known by name, whether or not their streams exist.
  package var namedLanes: [String] { items.filter { !$0.isPattern }.map(\.streams) + partitionLanes }

  /// The patterns whose streams are lanes.
  package var patterns: [String] { items.filter(\.isPattern).map(\.streams) }

  /// The names and patterns of all lanes, which are also the labels under which metrics count them.
  package var namesAndPatterns: [String] { items.map(\.streams) + partitionLanes }
}
