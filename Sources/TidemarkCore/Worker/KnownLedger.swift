/// The ledger that the lanes were acquired from, and the connection over which it was read last.
package struct KnownLedger: Sendable {
  package private(set) var identity: LedgerIdentity?
  private var connection: String?

  /// Returns whether the ledger is another one than before.
  mutating func isReplaced(by found: LedgerIdentity) -> Bool {
    defer { identity = found }
    return identity.map { $0 != found } ?? false
  }

  /// Returns whether the connection is another one than before.
  mutating func isReconnected(by found: String) -> Bool {
    defer { connection = found }
    return connection.map { $0 != found } ?? false
  }
}
