import Testing
import TidemarkCore

/// Tests which Redis and which ledger belong together.
@Suite struct ClaimVerdictTests {
  private static let ours = InstallationID("ours")
  private static let other = InstallationID("other")

  private func ledger(
    prefix: String = "p", partitions: Int = 16, claim: String? = "c1", servedBy: String? = nil
  ) -> InstallationRecord {
    InstallationRecord(id: Self.ours, prefix: prefix, partitions: partitions, claim: claim, servedBy: servedBy)
  }

  private func verdict(
    _ ledger: InstallationRecord, _ redis: PrefixClaim, confirmed: Set<String> = [], isAdopting: Bool = false
  ) -> ClaimVerdict {
    ClaimVerdict(ledger, redis, prefix: "p", partitions: 16, confirmed: confirmed, isAdopting: isAdopting)
  }

  private static let held = PrefixClaim(installation: ours, claim: "c1", schema: "s", partitions: 16)

  @Test func `an equal claim is held, even while other workers serve`() {
    #expect(verdict(ledger(servedBy: "w"), Self.held) == .held)
    #expect(verdict(ledger(servedBy: "w"), Self.held, isAdopting: true) == .held)
  }

  @Test func `a first claim is made, even where an earlier attempt reached only Redis`() {
    #expect(verdict(ledger(claim: nil), PrefixClaim()) == .take)
    #expect(verdict(ledger(claim: nil), Self.held) == .take)
  }

  @Test func `another installation's prefix is refused unless a person adopts it`() {
    let redis = PrefixClaim(installation: Self.other, claim: "c1", schema: "s", partitions: 16)
    let refusal = ClaimVerdict.refused(.otherInstallation(Self.other, schema: "s"))
    for claim in [nil, "c1"] {
      #expect(verdict(ledger(claim: claim), redis) == refusal)
      // The refusal holds even where the worker had confirmed its Redis before.
      #expect(verdict(ledger(claim: claim), redis, confirmed: ["c1"]) == refusal)
      #expect(verdict(ledger(claim: claim), redis, isAdopting: true) == .take)
    }
  }

  @Test func `a ledger belongs to one prefix with one number of partitions`() {
    #expect(verdict(ledger(prefix: "q"), PrefixClaim()) == .refused(.otherPrefix("q")))
    #expect(verdict(ledger(prefix: "q"), Self.held) == .refused(.otherPrefix("q")))
    #expect(verdict(ledger(prefix: "q"), Self.held, isAdopting: true) == .take)
    for isAdopting in [false, true] {
      #expect(verdict(ledger(partitions: 4), Self.held, isAdopting: isAdopting) == .refused(.otherPartitions(4)))
    }
    // The sessions in a Redis whose ledger is gone were written over that many lanes.
    let orphan = PrefixClaim(installation: Self.other, claim: "c", schema: "s", partitions: 4)
    #expect(verdict(ledger(claim: nil), orphan, isAdopting: true) == .refused(.otherPartitions(4)))
  }

  @Test(arguments: [
    PrefixClaim(), PrefixClaim(installation: ours), PrefixClaim(installation: ours, claim: "c0", schema: "s", partitions: 16),
  ])
  func `a Redis without the present claim is taken only where no other Redis can be serving`(redis: PrefixClaim) {
    #expect(verdict(ledger(), redis) == .take)
    let refusal = ClaimVerdict.refused(.servedElsewhere(by: "w"))
    #expect(verdict(ledger(servedBy: "w"), redis) == refusal)
    #expect(verdict(ledger(servedBy: "w"), redis, isAdopting: true) == refusal)
    // A worker whose own Redis lost the claim knows that this is the right Redis.
    #expect(verdict(ledger(servedBy: "w"), redis, confirmed: ["c1"]) == .take)
    // Another Redis was claimed meanwhile: this one was replaced and has come back.
    #expect(verdict(ledger(servedBy: "w"), redis, confirmed: ["c0"]) == refusal)
    // A backup of the ledger was restored, from before this worker claimed its Redis again.
    #expect(verdict(ledger(servedBy: "w"), redis, confirmed: ["c1", "c2"]) == .take)
  }
}
