import Testing
import TidemarkServers
import TidemarkTestKit

struct ManualClockTests {
  @Test func `sleepers wake at their time and not before`() async throws {
    let clock = ManualClock()
    let short = Task { try await clock.sleep(for: .seconds(1)) }
    let long = Task { try await clock.sleep(for: .seconds(10)) }
    await clock.waitForSleepers(2)
    clock.advance(by: .milliseconds(999))
    #expect(clock.sleepers == 2)
    clock.advance(by: .milliseconds(1))
    try await short.value
    #expect(clock.sleepers == 1)
    clock.advance(by: .seconds(9))
    try await long.value
    #expect(clock.now.offset == .seconds(10))
  }

  @Test func `a deadline that has passed does not sleep`() async throws {
    let clock = ManualClock()
    clock.advance(by: .seconds(5))
    try await clock.sleep(until: .init(offset: .seconds(5)))
  }

  @Test func `a cancellation wakes a sleeper`() async throws {
    let clock = ManualClock()
    let task = Task { try await clock.sleep(for: .seconds(1)) }
    await clock.waitForSleepers()
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(clock.sleepers == 0)
  }

  @Test func `waitUntil names the condition for which it waited`() async throws {
    let error = await #expect(throws: ServerError.self) {
      try await waitUntil("the moon rises", within: .milliseconds(20)) { false }
    }
    #expect(error?.code == .deadline)
    #expect(error?.message.contains("the moon rises") == true)
  }
}
