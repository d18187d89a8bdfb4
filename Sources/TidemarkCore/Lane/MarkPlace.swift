/// Where a lane's durable mark is published.
package enum MarkPlace: Sendable, Hashable {
  /// A hash of the lane's own, in the slot of its stream, with a hash of the rejected entries and a channel beside it.
  case laneHash(PartitionKeys)
  /// A field of the hash that all other lanes share. In a Cluster its slot has nothing to do with theirs.
  case sharedHash(key: String)

  /// The hash that holds the lane's mark.
  package var hash: String {
    switch self {
    case .laneHash(let keys): keys.marks
    case .sharedHash(let key): key
    }
  }

  /// The keys of a lane that has a hash of its own; nil for other lanes.
  package var keys: PartitionKeys? {
    switch self {
    case .laneHash(let keys): keys
    case .sharedHash: nil
    }
  }
}
