import Testing
import TidemarkCore

@testable import TidemarkAdmin

@Suite struct StatusTableTests {
  @Test func `lanes stand in columns, then totals, workers and what is wrong`() {
    var halted = lane("orders:eu:events", .halted, read: 12, deadLetters: 2, lag: LaneLag(entries: 345, seconds: 61.5))
    halted.lastError = "permission denied for table orders"
    halted.hint = "grant the worker's role the missing privilege"
    var sample = report(
      [lane("tidemark:{0}:changes", read: 1_000_000), halted],
      workers: [
        .init(
          worker: "host-1-abc", host: "host-1", pid: 4711, version: "0.1.0", startedAt: nil, seenAt: "2026-11-23T03:07:43.124Z",
          isAlive: true, shards: 64, lanes: 2)
      ])
    sample.lanes[1].deadLettersOpen = 1
    #expect(
      StatusTable(sample).render() == """
        LANE                  STATE   LAG  SECONDS     READ  APPLIED  DEAD LETTERS  OWNER
        tidemark:{0}:changes  idle      0        0  1000000  1000000             0  w1
        orders:eu:events      halted  345   61.500       12       10    2 (1 open)  w1
        2 lanes                       345   61.500  1000012  1000010    2 (1 open)

        WORKER      HOST    PID   VERSION  SHARDS  LANES  SEEN
        host-1-abc  host-1  4711  0.1.0        64      2  2026-11-23T03:07:43.124Z

        1 open dead letter: see `tidemark dead-letters list` and `tidemark lanes list`
        orders:eu:events: permission denied for table orders; grant the worker's role the missing privilege
        """)
  }

  @Test func `what is not known is a question mark, in the totals too`() {
    var sample = report([lane("a", lag: nil), lane("b")])
    sample.lanes[0].owner = nil
    sample.redis = .init(isUp: false, error: "connection refused")
    let lines = StatusTable(sample).render().split(separator: "\n")
    #expect(lines[0] == "Redis is away: connection refused")
    #expect(lines[2] == "a        idle     ?        ?     0        0             0  -")
    #expect(lines[4] == "2 lanes           ?        ?     0        0             0")
    #expect(lines.last == "No worker is running: `tidemark run` starts one.")
  }

  @Test func `an empty installation says what comes next`() {
    #expect(StatusTable(report([])).render().hasPrefix("No lanes yet"))
  }

  @Test func `nothing of a lane's name moves the cursor`() {
    #expect(!StatusTable(report([lane("a\u{1b}[2Jb\nc")])).render().unicodeScalars.contains("\u{1b}"))
  }

  @Test func `seconds have the digits that somebody reads`() {
    #expect([0, 0.0004, 0.25, 99.9, 100.4, 86_400].map(StatusTable.seconds) == ["0", "0.000", "0.250", "99.900", "100", "86400"])
    #expect(StatusTable.seconds(nil) == "?")
  }

  @Test func `an accounting that is off is said`() {
    var wrong = lane("a", read: 3)
    wrong.record.totals.applied = 2
    #expect(StatusTable(report([wrong])).render().contains("a: the accounting is off by 1: please report it"))
  }
}
