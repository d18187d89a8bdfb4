package import TidemarkCore

/// What a worker needs to check the state.
package struct StateCheckServices: Sendable {
  package var store: any HotStateStore
  /// It has a connection of its own: a large session delays neither leases nor marks.
  package var ledger: any StateCheckLedger

  package init(store: any HotStateStore, ledger: any StateCheckLedger) {
    self.store = store
    self.ledger = ledger
  }
}
