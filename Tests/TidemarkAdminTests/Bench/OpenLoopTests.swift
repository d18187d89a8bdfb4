import Testing

@testable import TidemarkAdmin

@Suite struct OpenLoopTests {
  @Test(arguments: [1, 3, 500, 2_000, 99_999]) func aChangeIsDueFromItsMomentOnAndNotBefore(rate: Int) {
    let schedule = OpenLoop(rate: rate, start: .now)
    #expect(schedule.due(at: schedule.start - .nanoseconds(1)) == 0)
    #expect(schedule.due(at: schedule.start) == 1)
    for index in [1, 2, 7, rate - 1, rate, rate + 1, 10 * rate + 3] where index > 0 {
      let moment = schedule.intended(index)
      #expect(schedule.due(at: moment) == index + 1, "the \(index)th")
      #expect(schedule.due(at: moment - .nanoseconds(1)) == index, "the \(index)th")
    }
  }

  @Test func aStallDoesNotMoveWhatComesAfterIt() {
    let schedule = OpenLoop(rate: 1_000, start: .now)
    // After a second in which nothing could be sent, all of its changes are due, each from its own time.
    #expect(schedule.due(at: schedule.start + .seconds(1)) == 1_001)
    #expect(schedule.intended(500) == schedule.start + .milliseconds(500))
  }
}
