import Testing

@testable import TidemarkCore

@Suite struct LaneRateTests {
  private static func totals(_ read: Int, _ applied: Int, incarnation: Int64 = 1) -> LaneRate.Totals {
    LaneRate.Totals(incarnation: incarnation, read: read, applied: applied)
  }

  @Test func `a rate is the number of entries between two moments divided by the time`() {
    let rate = LaneRate.between(Self.totals(100, 90), Self.totals(160, 120), seconds: 7)
    #expect(rate == LaneRate(read: 8.571, applied: 4.286))
    #expect(LaneRate.between(Self.totals(5, 5), Self.totals(5, 5), seconds: 3_600) == .zero)
  }

  @Test func `totals that can't be compared have no rate`() {
    #expect(LaneRate.between(Self.totals(1, 1), Self.totals(2, 2), seconds: 0) == nil)
    #expect(LaneRate.between(Self.totals(1, 1), Self.totals(2, 2), seconds: -1) == nil)
    #expect(LaneRate.between(Self.totals(1, 1), Self.totals(2, 2, incarnation: 2), seconds: 1) == nil)
    // An older ledger was restored.
    #expect(LaneRate.between(Self.totals(3, 1), Self.totals(2, 2), seconds: 1) == nil)
    #expect(LaneRate.between(Self.totals(1, 3), Self.totals(2, 2), seconds: 1) == nil)
  }

  @Test func `since a checkpoint a lane has a rate, unless it has no owner or never moved`() {
    let (checkpoint, now) = (Self.totals(100, 90), Self.totals(120, 100))
    #expect(LaneRate.since(checkpoint, age: 10, now: now, isOwned: true) == LaneRate(read: 2, applied: 1))
    #expect(LaneRate.since(checkpoint, age: 10, now: now, isOwned: false) == .zero)
    #expect(LaneRate.since(nil, age: nil, now: now, isOwned: true) == nil)
    #expect(LaneRate.since(nil, age: nil, now: Self.totals(0, 0), isOwned: true) == .zero)
    // No entry was read in the new incarnation.
    #expect(LaneRate.since(checkpoint, age: 10, now: Self.totals(0, 0, incarnation: 2), isOwned: true) == .zero)
  }
}
