/// The limits that operators set on the flow of entries. New limits take effect with the next read or transaction.
package struct FlowLimits: Sendable, Equatable {
  /// The most entries of one transaction.
  package var maxEntries: Int
  /// The most bytes of one transaction. A larger entry has a transaction of its own.
  package var maxBytes: Int
  /// The longest time for which an entry may wait for others to share its transaction.
  package var maxDelay: Duration
  /// The most bytes of entries that are read and not yet committed.
  package var bufferBytes: Int
  package var maxEntryBytes: Int
  package var maxFields: Int
  /// The number of dead letters in a row after which a lane halts.
  package var haltAfterDeadLetters: Int
  /// The delay before a halted lane is tried again.
  package var haltBackoff: Duration
  /// The limits that apply to some lanes only, the one that was set last at the end.
  package var laneLimits: [LaneLimit]

  /// The default of `limits.max_fields`.
  package static let defaultMaxFields = 10_000

  package init(
    maxEntries: Int, maxBytes: Int, maxDelay: Duration, bufferBytes: Int, maxEntryBytes: Int, maxFields: Int = defaultMaxFields,
    haltAfterDeadLetters: Int, haltBackoff: Duration, laneLimits: [LaneLimit] = []
  ) {
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
    self.maxDelay = maxDelay
    self.bufferBytes = bufferBytes
    self.maxEntryBytes = maxEntryBytes
    self.maxFields = maxFields
    self.haltAfterDeadLetters = haltAfterDeadLetters
    self.haltBackoff = haltBackoff
    self.laneLimits = laneLimits
  }
}
