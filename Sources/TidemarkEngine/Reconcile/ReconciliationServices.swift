package import TidemarkCore

/// What a worker needs to compare its lanes with Postgres.
package struct ReconciliationServices: Sendable {
  /// It has connections of its own: a read of the log waits for no blocking read of new entries, and delays none.
  package var source: any LanePlacement & StreamInspector & StreamReader
  package var ledger: any ReconciliationLedger
  package var repairer: any ChangeRepairer

  package init(
    source: any LanePlacement & StreamInspector & StreamReader, ledger: any ReconciliationLedger, repairer: any ChangeRepairer
  ) {
    self.source = source
    self.ledger = ledger
    self.repairer = repairer
  }
}
