import Testing

@testable import TidemarkCore

@Suite struct ReplayPaceTests {
  @Test func `a transaction grows while it is short, up to a bound`() {
    var pace = ReplayPace()
    for expected in [16, 32, 64, 128, 256, 256] {
      _ = pace.took(.milliseconds(10), for: pace.size)
      #expect(pace.size == expected)
    }
    // The last transaction of a lane, which is not full, says nothing about a full one.
    var other = ReplayPace()
    _ = other.took(.milliseconds(1), for: 3)
    #expect(other.size == 8)
  }

  @Test func `a transaction that locked the lane for too long is followed by one of half the size, at least one dead letter`() {
    var pace = ReplayPace()
    _ = pace.took(.milliseconds(30), for: 8)
    #expect(pace.size == 8)
    for expected in [4, 2, 1, 1] {
      _ = pace.took(.milliseconds(60), for: pace.size)
      #expect(pace.size == expected)
    }
    var large = ReplayPace()
    // There are few dead letters because they are large.
    _ = large.took(.seconds(2), for: 3)
    #expect(large.size == 1)
  }

  @Test func `the lane is free for as long as it was locked, within bounds`() {
    var pace = ReplayPace()
    #expect(pace.took(.milliseconds(40), for: 8) == .milliseconds(40))
    #expect(pace.took(.zero, for: 8) == .milliseconds(1))
    #expect(pace.took(.seconds(30), for: 8) == .seconds(1))
  }

  @Test func `after a failure dead letters are replayed one by one`() {
    var pace = ReplayPace()
    pace.failed()
    #expect(pace.size == 1)
    _ = pace.took(.milliseconds(1), for: 1)
    #expect(pace.size == 2)
  }
}
