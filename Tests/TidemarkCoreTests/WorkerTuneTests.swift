import Testing

@testable import TidemarkCore

/// A worker whose settings an operator tunes.
@Suite struct WorkerTuneTests {
  @Test func `tuned limits apply to the next transaction, and wake the writers and readers`() {
    var state = WorkerState.owning()
    state.read([10, 10, 10])
    let effects = state.effects { $0.tune(.serving(limits: flowLimits(maxEntries: 2))) }
    #expect(effects.signals.isSuperset(of: [.committable, .readable, .leases]))
    #expect(state.takeWork()?.entryCount == 2)
  }

  @Test func `a tuned setting does not try a halted lane again, and a reload does`() {
    var state = WorkerState.owning()
    state.scheduler.halt("a", reason: "permission denied", hint: nil, until: nil)
    state.tune(.serving())
    #expect(state.scheduler.lanes["a"]?.halt != nil)
    state.apply(.serving(), now: epoch)
    #expect(state.scheduler.lanes["a"]?.halt == nil)
  }

  @Test func `what is refused is kept for the ledger's row of the worker`() {
    var state = WorkerState.owning()
    var settings = WorkerSettings.serving()
    settings.tuningRefused = "tune: x is not a setting"
    state.tune(settings)
    #expect(state.settings.tuningRefused == "tune: x is not a setting")
  }
}
