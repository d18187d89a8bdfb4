/// What Redis says of one lane at one moment; all of it belongs together.
package struct ObservedStream: Sendable {
  /// Nil where there is no such stream.
  package var stream: StreamInfo?
  /// Whether the group that mirrors the cursor is there.
  package var hasGroup: Bool
  /// All consumer groups of the stream.
  package var groups: [LaneGroup]
  package var anchor: Anchor
  /// The first entry behind the cursor, where that was asked for.
  package var next: EntryID?
  /// Keys that Redis evicted since it started. Asked only where there is no such stream.
  package var evictedKeys: UInt64

  /// The entry at the cursor.
  package enum Anchor: Sendable {
    case gone
    /// It is there; the digest is nil where the entry is too large for one.
    case there(AnchorDigest?)
  }

  package init(stream: StreamInfo?, hasGroup: Bool, anchor: Anchor, groups: [LaneGroup] = [], evictedKeys: UInt64 = 0) {
    self.stream = stream
    self.hasGroup = hasGroup
    self.groups = groups
    self.anchor = anchor
    self.evictedKeys = evictedKeys
  }
}
