import Testing

@testable import TidemarkCore

@Suite struct CommitGoalsTests {
  private func entry(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }

  @Test func `what a lane's stream holds must be committed`() {
    let state = WorkerState.owning()
    #expect(state.progress(towards: state.commitGoals(["a": entry(5)])) == .reached)
    #expect(state.progress(towards: state.commitGoals(["a": entry(6)])) == .underWay)
    #expect(state.progress(towards: state.commitGoals(["a": entry(6)], through: entry(5))) == .reached)
  }

  @Test func `what was read must be committed although Redis has lost it`() throws {
    var state = WorkerState.owning()
    state.read([10, 10])
    let goals = state.commitGoals(["a": nil])
    #expect(state.progress(towards: goals) == .underWay)
    #expect(state.progress(towards: state.commitGoals(["a": nil], through: entry(5))) == .reached)
    let work = state.takeWork()
    state.commit(try #require(work))
    #expect(state.progress(towards: goals) == .reached)
  }

  @Test func `a goal is void once the lane is released, or continues in another incarnation`() {
    var state = WorkerState.owning()
    let goals = state.commitGoals(["a": entry(9)])
    _ = state.effects { $0.release(["a"]) }
    #expect(state.progress(towards: goals) == .void)
    var next = LaneRecord.owned("a", upTo: 9)
    next.incarnation = 2
    state.acquire([next], at: .only, now: epoch)
    #expect(state.progress(towards: goals) == .void)
  }

  @Test func `a lane that is not owned yet is waited for`() {
    let (state, other) = (WorkerState.owning(), WorkerState.owning(["b"]))
    let goals = state.commitGoals(["b": entry(5)])
    #expect(state.progress(towards: goals) == .underWay)
    #expect(other.progress(towards: goals) == .reached)
  }
}
