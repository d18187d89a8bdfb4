package import TidemarkCore

/// What a worker needs to serve the hot state of sessions.
package struct HotServices: Sendable {
  package var store: any HotStore
  package var ledger: any HotStateLedger & LaneLedger
  /// Notifies of requests, over connections of its own.
  package var doorbell: any StreamDoorbell

  package init(store: any HotStore, ledger: any HotStateLedger & LaneLedger, doorbell: any StreamDoorbell) {
    self.store = store
    self.ledger = ledger
    self.doorbell = doorbell
  }
}
