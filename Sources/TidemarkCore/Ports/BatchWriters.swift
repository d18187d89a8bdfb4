/// Makes the connections over which batches are committed.
package protocol BatchWriters: Sendable {
  /// Creates a connection for committing batches. It does not connect yet.
  func makeWriter() throws -> any ChangeWriter
}

/// Everything that a worker needs of the ledger. Each part of the engine takes only the port that it uses.
package typealias ChangeSink = BatchWriters & LaneLedger & LeaseLedger & RetentionLedger & StatusLedger
