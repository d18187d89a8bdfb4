package import TidemarkCore

/// An entry that could not be applied, as the ledger stores it.
package struct DeadLetter: Sendable, Equatable {
  package var id: Int64
  package var lane: String
  package var entry: EntryID
  package var session: String?
  package var reason: String
  package var detail: String
  package var sqlstate: String?
  package var at: String
  /// The age in seconds by Postgres' clock.
  package var age: Int64
  package var resolvedAt: String?
  package var resolution: String?
  package var isComplete: Bool
  /// The names and values in turn, byte for byte. Only ``DeadLetterStore/letter(_:)`` fills it.
  package var raw: [[UInt8]] = []
}
