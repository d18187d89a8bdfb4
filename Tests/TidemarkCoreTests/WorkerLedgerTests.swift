import Testing

@testable import TidemarkCore

@Suite struct WorkerLedgerTests {
  private func reading(_ lanes: [LaneRecord], of system: String = "1", over connection: String = "1") -> LedgerReading {
    LedgerReading(identity: LedgerIdentity(system: system, timeline: "1"), connection: connection, lanes: lanes)
  }

  /// What a finding says: whether lanes went back, whether all are to be compared; nil for another ledger.
  private func described(_ finding: WorkerState.LedgerFinding) -> [Bool]? {
    if case .rewinds(let rewinds, let comparesAll) = finding { [rewinds.isBack, comparesAll] } else { nil }
  }

  @Test func `another ledger releases all lanes, and is asked again which lanes it knows`() {
    var state = WorkerState.owning(["a", "b"])
    let shards = Array(state.grant.shards.keys)
    state.recalled([], of: shards, under: state.grant)
    let committed = state.committed(["a"])
    #expect(described(state.ledgerRead(reading([.owned("a")]), committed)) == [false, false])
    #expect(state.shardsToRecall == [])
    #expect(described(state.ledgerRead(reading([.owned("a")], of: "2"), committed)) == nil)
    _ = state.takeEffects()
    #expect(state.ownsNothing && state.shardsToRecall == shards.sorted())
    #expect(state.lanesToAcquire([], isComplete: false) == ["a", "b"])
    // From then on it is the known one.
    #expect(described(state.ledgerRead(reading([.owned("a")], of: "2"), state.committed([]))) == [false, false])
  }

  @Test func `over a new connection all lanes are to be compared`() {
    var state = WorkerState.owning(["a", "b"])
    _ = state.ledgerRead(reading([.owned("a")]), state.committed(["a"]))
    #expect(described(state.ledgerRead(reading([.owned("a")], over: "2"), state.committed(["a"]))) == [false, true])
    #expect(described(state.ledgerRead(reading([.owned("a")], over: "2"), state.committed(["a"]))) == [false, false])
    #expect(state.laneNames.count == 2)
  }

  @Test func `a lane of which the ledger has less is released and reported once, and the others go on`() {
    var state = WorkerState.owning(["a", "b"])
    let committed = state.committed(["a", "b"])
    let found = [LaneRecord.owned("a", upTo: 3), .owned("b")]
    #expect(described(state.ledgerRead(reading(found), committed)) == [true, true])
    #expect(state.laneNames == ["b"])
    let again = state.compared(committed, with: found)
    #expect(again.isBack && again.news.isEmpty)
    let sound = state.compared(state.committed(["b"]), with: [.owned("b")])
    #expect(!sound.isBack)
  }

  @Test func `every lane has its turn to be compared, however many come and go`() {
    let names = (0..<10).map { "a\($0)" }
    var state = WorkerState.owning(names)
    var seen: Set<String> = []
    for turn in 0..<4 {
      seen.formUnion(state.lanesToCompare(3))
      if turn == 1 { _ = state.effects { $0.release(["a0", "a9"]) } }
    }
    #expect(seen.isSuperset(of: names.dropFirst().dropLast()))
    #expect(state.lanesToCompare(100).count == 8)
  }
}
