import Testing

@testable import TidemarkCore

@Suite struct WorkerDrainTests {
  private func isEnd(_ next: WorkerState.NextRead) -> Bool { if case .end = next { true } else { false } }
  private func isEnd(_ next: WorkerState.NextWork) -> Bool { if case .end = next { true } else { false } }

  @Test func `a drain reads nothing more, and ends once everything that was read is committed`() throws {
    var state = WorkerState.owning()
    state.read([10, 20, 30])
    state.beginDrain(now: epoch)
    #expect(isEnd(state.nextRead(at: .only, block: .zero, now: epoch)))
    let work = try wanted(state.takeWork())
    #expect(work.entryCount == 3)
    // The transaction may still fail, and its entries then have to be tried again.
    #expect(!isEnd(state.nextWork(now: epoch)))
    _ = state.takeEffects()
    #expect(state.effects { $0.commit(work) }.signals.contains(.committable))
    #expect(isEnd(state.nextWork(now: epoch)))
  }

  @Test func `a drain waits for the transaction of a lane that was released`() throws {
    var state = WorkerState.owning()
    state.read([10])
    let work = try wanted(state.takeWork())
    state.release(["a"])
    state.beginDrain(now: epoch)
    _ = state.takeEffects()
    #expect(!isEnd(state.nextWork(now: epoch)))
    #expect(state.effects { $0.commit(work) }.signals.contains(.committable))
    #expect(isEnd(state.nextWork(now: epoch)))
  }

  @Test func `a drain is given up at its deadline, or once Postgres has been away for long enough`() {
    var state = WorkerState.owning()
    func limit() -> Duration? {
      state.drainLimit(deadline: .seconds(20), patience: .seconds(2)).map { epoch.duration(to: $0) }
    }
    var down = SinkError(.fault(.ambiguous), "down")
    down.isUnreachable = true
    #expect(limit() == nil)
    state.postgresFailed(down, now: epoch)
    state.beginDrain(now: epoch.advanced(by: .seconds(30)))
    // Postgres had been away before: its time counts from the beginning of the drain.
    #expect(limit() == .seconds(32))
    state.postgresAnswered()
    #expect(limit() == .seconds(50))
    state.postgresFailed(down, now: epoch.advanced(by: .seconds(40)))
    #expect(limit() == .seconds(42))
    state.postgresAnswered()
    state.postgresFailed(down, now: epoch.advanced(by: .seconds(49)))
    #expect(limit() == .seconds(50))
  }
}
