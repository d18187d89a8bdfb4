/// The state of one lane's stream in Redis; all facts are of one moment.
package struct ObservedStream: Sendable {
  /// The result of `XINFO STREAM`; nil where there is no such stream.
  package var stream: StreamInfo?
  /// Whether the group that mirrors the cursor exists.
  package var hasGroup: Bool
  /// All consumer groups of the stream.
  package var groups: [LaneGroup]
  package var anchor: Anchor
  /// The first entry behind the cursor, where it was asked for.
  package var next: EntryID?
  /// The number of keys that Redis evicted since it started. It is asked for only where there is no such stream.
  package var evictedKeys: UInt64

  /// The state of the entry at the cursor.
  package enum Anchor: Sendable {
    case gone
    /// The entry is there; the digest is nil where the entry is too large for one.
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
