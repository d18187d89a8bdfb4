/// A lane that has no row yet, and the position where it begins.
package struct NewLane: Sendable, Equatable {
  package var name: String
  package var shard: Int
  package var position: EntryID
  package var baseline: UInt64

  package init(name: String, shard: Int, position: EntryID, baseline: UInt64) {
    self.name = name
    self.shard = shard
    self.position = position
    self.baseline = baseline
  }
}
