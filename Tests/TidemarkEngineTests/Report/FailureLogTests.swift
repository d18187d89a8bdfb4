import Testing
import TidemarkCore
import TidemarkLog

@testable import TidemarkEngine

@Suite struct FailureLogTests {
  private let log = CapturedLog()

  @Test func `a failure that lasts is logged once, with its end`() {
    let failures = FailureLog<String>(failing: .requestsWaiting, recovered: .requestsCurrent, clock: SystemClock(), logger: log.logger)
    for _ in 0..<3 { failures.failed(SinkError(.fault(.world), "no right to read", hint: "grant it")) }
    failures.succeeded()
    failures.succeeded()
    #expect(log.lines.map(\.event) == ["requests.waiting", "requests.current"])
    #expect(log.lines.map(\.level) == [.warning, .info])
    #expect(log.lines.first?.metadata == ["reason": "no right to read", "hint": "grant it"])
  }

  @Test func `an outage is for those who debug, because others report it`() {
    let failures = FailureLog<String>(failing: .requestsWaiting, recovered: .requestsCurrent, clock: SystemClock(), logger: log.logger)
    failures.failed(SourceError(.unavailable, "away"))
    failures.succeeded()
    #expect(log.lines.map(\.event) == ["requests.waiting"])
    #expect(log.lines.map(\.level) == [.debug])
  }

  @Test func `a lane that is refused is logged once for each purpose, with the end of it`() {
    let refusals = LaneRefusals(clock: SystemClock(), logger: log.logger)
    for purpose in [LaneRefusals.Purpose.trim, .trim, .publish] {
      refusals.note(SourceError(.laneRefused("a"), "WRONGTYPE"), of: "a", purpose)
    }
    refusals.clear(["a", "b"], .trim)
    #expect(log.lines.map(\.event) == ["lane.refused", "lane.refused", "lane.accepted"])
    #expect(log.lines.map { $0.metadata["purpose"] } == ["trim", "publish", "trim"])
    #expect(log.lines.map(\.level) == [.error, .error, .info])
  }

  @Test func `metadata of an event that is not logged is not made`() {
    var logger = log.logger
    logger.logLevel = .warning
    var isMade = false
    func text() -> String {
      isMade = true
      return ""
    }
    logger.log(.lanesOwned, [.lanes: "\(text())"])
    #expect(!isMade && log.lines.isEmpty)
  }
}
