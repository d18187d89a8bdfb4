internal import TidemarkCore

/// Whether Redis and the ledger belong to one installation.
extension LaneCoordinator {
  /// Lanes may be served again. Answers whether they could not be before.
  func claimConfirmed() -> Bool {
    guard claimRefusal != nil else { return false }
    claimRefusal = nil
    leasesStirred.raise()
    ownership.raise()
    return true
  }

  /// Releases all lanes. Answers whether the reason is new.
  func claimRefused(_ refusal: ClaimRefused) -> Bool {
    let isNew = claimRefusal?.description != refusal.description
    claimRefusal = refusal
    disown(Array(table.lanes.keys))
    leasesStirred.raise()
    return isNew
  }
}
