package import TidemarkCore

/// What a worker needs to seal changes.
package struct SealServices: Sendable {
  /// Over a connection of its own, so that a large piece delays neither leases nor marks.
  package var ledger: any SealLedger
  package var heads: any SealHeadStore

  package init(ledger: any SealLedger, heads: any SealHeadStore) {
    self.ledger = ledger
    self.heads = heads
  }
}
