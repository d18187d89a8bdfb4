import Testing
import TidemarkCore

@Suite struct ChangeSignalTests {
  @Test func `a change between the look at the state and the wait is not missed`() async {
    let signal = ChangeSignal()
    let seen = signal.generation
    signal.raise()
    await signal.wait(after: seen)
  }

  @Test func `every waiter is woken`() async {
    let signal = ChangeSignal()
    let seen = signal.generation
    await withTaskGroup { group in
      for _ in 0..<20 { group.addTask { await signal.wait(after: seen) } }
      group.addTask { signal.raise() }
      await group.waitForAll()
    }
  }

  @Test func `a cancelled task stops waiting, also when it was cancelled before`() async {
    let signal = ChangeSignal()
    let seen = signal.generation
    let tasks = (0..<50).map { _ in Task { await signal.wait(after: seen) } }
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }

  @Test func `a deadline ends the wait`() async {
    let signal = ChangeSignal()
    await signal.wait(after: signal.generation, until: .now, on: SystemClock())
  }
}
