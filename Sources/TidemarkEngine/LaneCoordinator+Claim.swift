internal import TidemarkCore

/// Whether Redis and the ledger belong to one installation.
extension LaneCoordinator {
  /// Lanes may be served again. Answers whether they could not be before.
  func claimConfirmed() -> Bool {
    guard claimRefusal != nil else { return false }
    claimRefusal = nil
    leasesChanged.raise()
    ownership.raise()
    return true
  }

  /// Releases all lanes. Answers whether the reason is new.
  func claimRefused(_ refusal: ClaimRefused) -> Bool {
    let isNew = claimRefusal?.description != refusal.description
    claimRefusal = refusal
    release(laneNames)
    leasesChanged.raise()
    return isNew
  }

  /// What Redis refused of lanes. Of those whose marks bear another installation's id nothing is read for a while, and the claim is compared
  /// at once. Answers these.
  @discardableResult
  func refused(_ errors: [String: SourceError]) -> Set<String> {
    let foreign = errors.filter { $0.value.kind == .otherInstallation($0.key) }
    for (lane, error) in foreign where scheduler.lanes[lane] != nil {
      halt(
        lane, reason: error.description,
        hint: "choose another redis.prefix, or take the prefix over with `tidemark migrate --adopt`", for: settings.flow.haltBackoff)
    }
    if !foreign.isEmpty { claimDoubted.raise() }
    return Set(foreign.keys)
  }
}
