import Testing
import TidemarkCore

@testable import TidemarkAdmin

/// Lag is counted from a change's scheduled time to the first mark that covers it.
@Suite struct DurabilityLedgerTests {
  private let start = ContinuousClock.now

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

  @Test func aMarkSettlesEverythingUpToItAndNothingElse() {
    var ledger = DurabilityLedger(lanes: 2)
    for number in 1...3 { #expect(ledger.sent(lane: 0, id: EntryID(ms: 5, no: UInt64(number)), intended: at(number)) == nil) }
    #expect(ledger.sent(lane: 1, id: EntryID(ms: 4, no: 0), intended: at(0)) == nil)
    #expect(ledger.durable(lane: 0, id: EntryID(ms: 5, no: 2), at: at(10)) == [.milliseconds(9), .milliseconds(8)])
    #expect(ledger.outstanding == 2)
    #expect(ledger.lastDurable == at(10))
    // A repeated mark or an older one covers no further entry.
    #expect(ledger.durable(lane: 0, id: EntryID(ms: 5, no: 1), at: at(11)) == [])
    #expect(ledger.lastDurable == at(10))
    #expect(ledger.durable(lane: 1, id: EntryID(ms: 9, no: 0), at: at(12)) == [.milliseconds(12)])
    #expect(ledger.durable(lane: 0, id: EntryID(ms: 5, no: 3), at: at(13)) == [.milliseconds(10)])
    #expect(ledger.outstanding == 0)
  }

  @Test func aMarkThatOvertookTheAnswerToTheWriteCountsFromItsOwnMoment() {
    var ledger = DurabilityLedger(lanes: 1)
    #expect(ledger.durable(lane: 0, id: EntryID(ms: 1, no: 0), at: at(5)) == [])
    #expect(ledger.durable(lane: 0, id: EntryID(ms: 3, no: 0), at: at(7)) == [])
    // Each entry is covered by its first mark, not by the latest.
    #expect(ledger.sent(lane: 0, id: EntryID(ms: 1, no: 0), intended: at(1)) == .milliseconds(4))
    #expect(ledger.sent(lane: 0, id: EntryID(ms: 2, no: 0), intended: at(1)) == .milliseconds(6))
    #expect(ledger.sent(lane: 0, id: EntryID(ms: 3, no: 0), intended: at(1)) == .milliseconds(6))
    #expect(ledger.sent(lane: 0, id: EntryID(ms: 4, no: 0), intended: at(1)) == nil)
    #expect(ledger.outstanding == 1)
    #expect(ledger.lastDurable == at(7))
  }

  @Test func aStallShowsInEveryChangeThatItHeldUp() throws {
    var histogram = LagHistogram()
    var ledger = DurabilityLedger(lanes: 1)
    // One change is sent each millisecond, and nothing is committed in the second half of a second.
    for number in 0..<1_000 {
      let (id, moment) = (EntryID(ms: UInt64(number + 1), no: 0), at(number))
      _ = ledger.sent(lane: 0, id: id, intended: moment)
      guard number < 500 || number == 999 else { continue }
      for lag in ledger.durable(lane: 0, id: id, at: moment + .milliseconds(1)) { histogram.record(lag) }
    }
    let lag = try #require(histogram.summary)
    #expect(lag.count == 1_000)
    #expect(lag.p50Microseconds < 10_000)
    // A load that waits for each answer would have seen one slow change in five hundred.
    #expect(lag.p90Microseconds > 390_000)
    #expect(lag.maxMicroseconds > 499_000)
  }

  @Test func aHistogramKeepsThreeDigitsAndSaysNothingOfNothing() throws {
    var histogram = LagHistogram()
    #expect(histogram.summary == nil)
    for number in 1...1_000 { histogram.record(.microseconds(number * 100)) }
    histogram.record(.seconds(-1))
    let lag = try #require(histogram.summary)
    #expect(lag.count == 1_001)
    #expect(abs(lag.p50Microseconds - 50_000) <= 100)
    #expect(abs(lag.p99Microseconds - 99_000) <= 200)
    #expect(abs(lag.maxMicroseconds - 100_000) <= 100)
  }
}
