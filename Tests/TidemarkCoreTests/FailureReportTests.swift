import Testing

@testable import TidemarkCore

@Suite struct FailureReportTests {
  @Test func `a reason is reported once, a changed one at once, and the end once`() {
    var report = FailureReport()
    #expect(report.failed("connection refused", now: epoch) == true)
    #expect(report.failed("connection refused", now: epoch.advanced(by: .seconds(300))) == false)
    #expect(report.failed("WRONGPASS", now: epoch.advanced(by: .seconds(300))) == true)
    #expect(report.reason == "WRONGPASS")
    let ends = (0..<2).map { _ in report.succeeded() }
    #expect(ends == [true, false])
  }

  @Test func `two reasons that alternate are reported once a minute, and so is their end`() {
    var report = FailureReport()
    var (said, ends) = (0, 0)
    for second in 0..<120 {
      if report.failed(second.isMultiple(of: 2) ? "a" : "b", now: epoch.advanced(by: .seconds(second))) { said += 1 }
      if second.isMultiple(of: 3), report.succeeded() { ends += 1 }
    }
    #expect(said == 4)
    #expect(ends <= said)
  }
}

@Suite struct RejectionBurstTests {
  @Test func `a burst is one line with its counts by reason`() {
    var burst = RejectionBurst()
    #expect(burst.take(now: epoch) == nil)
    for index in 0..<1_300 {
      burst.add(index < 1_000 ? "bad_json" : "missing_field", lane: index.isMultiple(of: 2) ? "b" : "a", now: epoch)
    }
    // The line waits for more of the burst.
    #expect(burst.take(now: epoch.advanced(by: .milliseconds(999))) == nil)
    let summary = burst.take(now: epoch.advanced(by: .seconds(1)))
    #expect(summary == .init(count: 1_300, reasons: [("bad_json", 1_000), ("missing_field", 300)], lanes: ["a", "b"]))
    #expect(burst.take(now: epoch.advanced(by: .seconds(2))) == nil)
  }

  @Test func `while a burst lasts there is a line every ten seconds, and the last counts are reported at once`() {
    var burst = RejectionBurst()
    var (lines, counted) = (0, 0)
    for second in 0..<60 {
      let now = epoch.advanced(by: .seconds(second))
      burst.add("bad_json", lane: "a", now: now)
      guard let summary = burst.take(now: now) else { continue }
      lines += 1
      counted += summary.count
    }
    #expect(lines == 6)
    let last = burst.take(now: epoch.advanced(by: .seconds(60)), isLast: true)
    #expect(counted + (last?.count ?? 0) == 60)
  }
}
