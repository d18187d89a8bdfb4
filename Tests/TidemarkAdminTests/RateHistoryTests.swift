import Testing
import TidemarkCore

@testable import TidemarkAdmin
@testable import TidemarkEngine

@Suite struct RateHistoryTests {
  private let start = ContinuousClock.now

  private func measured(_ history: inout RateHistory, _ lanes: [LaneStatus], after seconds: Double) -> StatusReport {
    var sample = report(lanes)
    history.measure(&sample, at: start.advanced(by: .seconds(seconds)))
    return sample
  }

  @Test func `the first look keeps what the ledger says, later ones say what came since`() {
    var history = RateHistory()
    var first = report([lane("a", read: 100)])
    first.lanes[0].appliedPerSecond = 7
    history.measure(&first, at: start)
    #expect(first.lanes[0].appliedPerSecond == 7)
    let second = measured(&history, [lane("a", read: 150), lane("b", read: 3)], after: 2)
    #expect(second.lanes.map(\.appliedPerSecond) == [25, nil])
    #expect(second.lanes.map(\.readPerSecond) == [25, nil])
    // The sum covers the lanes whose rate is known.
    #expect(second.appliedPerSecond == 25)
    let third = measured(&history, [lane("a", read: 150), lane("b", read: 13)], after: 4)
    #expect(third.lanes.map(\.appliedPerSecond) == [12.5, nil])
  }

  @Test func `a rate is over the last five looks, not over all`() {
    var history = RateHistory()
    for second in 0..<10 { _ = measured(&history, [lane("a", read: 1_000 * second)], after: Double(second)) }
    for second in 10..<14 { _ = measured(&history, [lane("a", read: 9_000)], after: Double(second)) }
    #expect(measured(&history, [lane("a", read: 9_000)], after: 14).appliedPerSecond == 0)
  }

  @Test func `a lane that counts anew has the ledger's rate until there is another`() {
    var history = RateHistory()
    _ = measured(&history, [lane("a", read: 100)], after: 0)
    var again = lane("a", read: 10)
    again.record.incarnation = 2
    #expect(measured(&history, [again], after: 1).lanes[0].appliedPerSecond == nil)
  }
}
