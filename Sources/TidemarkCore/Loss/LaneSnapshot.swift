/// What Redis says of one lane at one moment; all of it belongs together.
package struct LaneSnapshot: Sendable {
  /// Nil where there is no such stream.
  package var stream: LaneInspection?
  /// Whether the group that mirrors the cursor is there.
  package var hasGroup: Bool
  package var anchor: Anchor
  /// Keys that Redis evicted since it started. Asked only where there is no such stream.
  package var evictedKeys: UInt64

  /// The entry at the cursor.
  package enum Anchor: Sendable {
    case gone
    /// It is there; nil where it is too large to be looked at.
    case there(EntryBlock?)
  }

  package init(stream: LaneInspection?, hasGroup: Bool, anchor: Anchor, evictedKeys: UInt64 = 0) {
    self.stream = stream
    self.hasGroup = hasGroup
    self.anchor = anchor
    self.evictedKeys = evictedKeys
  }
}
