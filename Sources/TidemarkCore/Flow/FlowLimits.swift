/// The limits that operators set, as the flow of entries sees them. New ones take effect with the next read or transaction.
package struct FlowLimits: Sendable, Equatable {
  /// Entries of one transaction.
  package var maxEntries: Int
  /// Bytes of one transaction; a larger entry travels alone.
  package var maxBytes: Int
  /// How long an entry may wait for company.
  package var maxDelay: Duration
  /// Bytes of entries that are read and not yet committed.
  package var bufferBytes: Int
  package var maxEntryBytes: Int
  package var maxFields: Int
  /// Dead letters in a row before a lane halts.
  package var haltAfterDeadLetters: Int
  /// How long a halted lane rests before it is tried again.
  package var haltBackoff: Duration

  /// `limits.max_fields` unless it is set.
  package static let defaultMaxFields = 10_000

  package init(
    maxEntries: Int, maxBytes: Int, maxDelay: Duration, bufferBytes: Int, maxEntryBytes: Int, maxFields: Int = defaultMaxFields,
    haltAfterDeadLetters: Int, haltBackoff: Duration
  ) {
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
    self.maxDelay = maxDelay
    self.bufferBytes = bufferBytes
    self.maxEntryBytes = maxEntryBytes
    self.maxFields = maxFields
    self.haltAfterDeadLetters = haltAfterDeadLetters
    self.haltBackoff = haltBackoff
  }
}
