/// The values that the decoder found in one entry, as ranges of its block's bytes. It is reused from entry to entry.
package struct DecodedEntry: Sendable {
  /// The index of the type in the catalog; nil for an unknown type, whose entries are kept whole.
  package var type: Int?
  package var typeName: Range<Int> = 0..<0
  package var session: Range<Int> = 0..<0
  package var eventID: Range<Int>?
  package var actor: Range<Int>?
  package var trace: Range<Int>?
  package var seq: Int64?
  package var epoch: Int64?
  package var version: Int64 = 1
  /// The time at which the change happened, in Unix milliseconds.
  package var occurredMilliseconds: Int64 = 0
  package var isEphemeral = false
  /// Whether some text holds a NUL that must be replaced.
  package var hasNUL = false
  /// Whether some JSON holds an escape that jsonb can't hold and that must be replaced.
  package var hasUnstorableEscapes = false
  /// The values of the type's fields, in the catalog's order.
  package var values: [Range<Int>?] = []
  /// The fields under the type's JSON prefix.
  package var prefixed: [EntryBlock.Field] = []
  /// The fields that are neither in the envelope nor in the type. They are kept.
  package var extras: [EntryBlock.Field] = []
  /// The digest over all fields.
  package var digest = ContentDigest.none
  /// The digest over the content: all fields but `event_id`, `ts`, `trace`, `seq` and `epoch`.
  package var contentDigest = ContentDigest.none

  package init() {}

  mutating func reset() {
    type = nil
    eventID = nil
    actor = nil
    trace = nil
    seq = nil
    epoch = nil
    version = 1
    isEphemeral = false
    hasNUL = false
    hasUnstorableEscapes = false
    values.removeAll(keepingCapacity: true)
    prefixed.removeAll(keepingCapacity: true)
    extras.removeAll(keepingCapacity: true)
  }
}
