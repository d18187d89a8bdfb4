/// What the decoder found in one entry, as slices of its block's bytes. Reused from entry to entry.
package struct DecodedEntry: Sendable {
  /// Index into the catalog; nil for a type that is kept whole.
  package var type: Int?
  package var typeName: Range<Int> = 0..<0
  package var session: Range<Int> = 0..<0
  package var eventID: Range<Int>?
  package var actor: Range<Int>?
  package var trace: Range<Int>?
  package var seq: Int64?
  package var epoch: Int64?
  package var version: Int64 = 1
  /// When it happened, Unix milliseconds.
  package var occurredMilliseconds: Int64 = 0
  package var isEphemeral = false
  /// Some text holds a NUL that is to be replaced.
  package var hasNUL = false
  /// Some JSON holds an escape that jsonb can't hold and that is to be replaced.
  package var hasUnstorableEscapes = false
  /// The type's fields, in the catalog's order.
  package var values: [Range<Int>?] = []
  /// Fields under the type's JSON prefix.
  package var prefixed: [EntryBlock.Field] = []
  /// Fields that nobody knows; they are kept.
  package var extras: [EntryBlock.Field] = []
  /// Over all fields.
  package var digest = ContentDigest.none
  /// Over the content: all fields but `event_id`, `ts` and `trace`.
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
