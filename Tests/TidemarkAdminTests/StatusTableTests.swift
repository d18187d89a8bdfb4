import Testing
import TidemarkCore

@testable import TidemarkAdmin
@testable import TidemarkEngine

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
    sample.lanes[0].appliedPerSecond = 1_250
    sample.lanes[1].appliedPerSecond = 0
    #expect(
      StatusTable(sample).render() == """
        LANE                  STATE   LAG   AGE  RATE            CURSOR  DEAD  BY
        tidemark:{0}:changes  idle      0     0  1.3k  1795389463124-98     0  w1
        orders:eu:events      halted  345  61.5     0  1795389463124-98     1  w1
        2 lanes                       345  61.5  1.3k                       1

           WORKER      SHARDS  LANES  VERSION  SEEN
        1  host-1-abc      64      2  0.1.0    2026-11-23T03:07:43.124Z

        read 1000012 = applied 1000010 + duplicates 0 + divergent 0 + ephemeral 0 + skipped 0 + dead letters 2
        added to Redis 1000012 = read + missing 0 + baseline 0

        2 settings are at their defaults: `tidemark status --json` lists them

        1 open dead letter: see `tidemark dead-letters list` and `tidemark lanes list`
        orders:eu:events: permission denied for table orders; grant the worker's role the missing privilege
        """)
  }

  @Test func `an installation of sixteen lanes fits eighty columns and a line each`() {
    let lanes = (0..<16).map { number -> LaneStatus in
      var status = lane("tidemark:{\(number)}:changes", .reading, read: 1_000_000, lag: LaneLag(entries: 12_345, seconds: 12.345))
      status.record.owner = "a-host-of-some-length-4711-1x2y3z4"
      return status
    }
    var sample = report(lanes)
    sample.workers = [
      .init(
        worker: "a-host-of-some-length-4711-1x2y3z4", host: "host", pid: 1, version: "0.1.0", startedAt: nil, seenAt: nil, isAlive: true,
        shards: 64, lanes: 16)
    ]
    for lane in sample.lanes.indices { sample.lanes[lane].appliedPerSecond = 12_345.6 }
    let lines = StatusTable(sample).render().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.prefix(18).allSatisfy { $0.count <= 80 }, "\(lines[1])")
    #expect(lines[1].hasSuffix("  1"))
  }

  @Test func `on a terminal the head stays and the lanes that are behind most are shown`() {
    var lanes = (0..<40).map { lane("lane-\($0)", lag: LaneLag(entries: Int64($0), seconds: 0)) }
    lanes[0].lastError = "it is halted"
    let lines = StatusTable(report(lanes)).render(height: 24, isRepeated: true).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count < 24)
    #expect(lines[0].hasPrefix("LANE"))
    #expect(lines[1].hasPrefix("lane-0 ") && lines[2].hasPrefix("lane-"))
    #expect(lines.contains { $0.hasPrefix("lane-39") } && !lines.contains { $0.hasPrefix("lane-1 ") })
    #expect(lines.contains { $0.hasPrefix("and ") && $0.hasSuffix(" more with less lag") })
    #expect(lines.contains { $0.hasPrefix("40 lanes") })
    let once = StatusTable(report(lanes)).render(height: 24)
    #expect(once.contains("\nlane-1 ") && once.contains("\n0 settings are not at their defaults: `tidemark status --json` lists them"))
  }

  @Test func `what one server says to many lanes is said once`() {
    let lanes = (0..<5).map { number -> LaneStatus in
      var status = lane("lane-\(number)", .waitingRedis)
      status.lastError = number == 4 ? "something else" : "connection refused"
      return status
    }
    #expect(StatusTable(report(lanes)).render().contains("\nlane-0, lane-1, lane-2 and 1 more: connection refused\nlane-4: something else"))
    var away = report(lanes)
    away.redis = .init(isUp: false, error: "connection refused")
    #expect(
      StatusTable(away).render().split(separator: "\n").filter { $0.contains("connection refused") } == [
        "Redis is unreachable: connection refused"
      ])
  }

  @Test func `settings that somebody set are shown with where they come from`() {
    var sample = report([lane("a")])
    sample.settings["batch.max_entries"] = .init(value: "100", source: "TIDEMARK_BATCH_MAX_ENTRIES")
    let text = StatusTable(sample).render()
    #expect(text.contains("batch.max_entries  100    TIDEMARK_BATCH_MAX_ENTRIES\n1 settings are at their defaults"))
  }

  @Test func `what is not known is a question mark, in the totals too`() {
    var sample = report([lane("a", lag: nil), lane("b")])
    sample.lanes[0].owner = nil
    sample.redis = .init(isUp: false, error: "connection refused")
    let lines = StatusTable(sample).render().split(separator: "\n")
    #expect(lines[0] == "Redis is unreachable: connection refused")
    #expect(lines[2] == "a        idle     ?    ?     ?  1795389463124-98     0  -")
    #expect(lines[4] == "2 lanes           ?    ?     ?                       0")
    #expect(lines.contains("No worker is running: start one with `tidemark run`."))
  }

  @Test func `an empty installation says what comes next`() {
    #expect(StatusTable(report([])).render().hasPrefix("No lanes yet"))
  }

  @Test func `nothing of a lane's name moves the cursor`() {
    #expect(!StatusTable(report([lane("a\u{1b}[2Jb\nc")])).render().unicodeScalars.contains("\u{1b}"))
  }

  @Test func `seconds have the digits that somebody reads`() {
    #expect([0, 0.0004, 0.25, 99.9, 100.4, 86_400].map(StatusTable.seconds) == ["0", "0.000", "0.250", "99.9", "100", "86400"])
    #expect([9.9991, 9.9999, 12.345, 99.96].map(StatusTable.seconds) == ["9.999", "10.0", "12.3", "100"])
    #expect(StatusTable.seconds(nil) == "?")
  }

  @Test func `a rate has four letters at most, and a small one is not none`() {
    let rates = [0, 0.01, 0.05, 0.44, 9.94, 9.96, 812.4, 999.4, 999.6, 9_120, 45_400, 999_400, 999_600, 12_000_000]
    let texts = ["0", "<0.1", "0.1", "0.4", "9.9", "10", "812", "999", "1.0k", "9.1k", "45k", "999k", "1.0M", "12M"]
    #expect(rates.map(StatusTable.rate) == texts)
    #expect(StatusTable.rate(nil) == "?")
  }

  @Test func `an accounting that is off is said`() {
    var wrong = lane("a", read: 3)
    wrong.record.totals.applied = 2
    #expect(StatusTable(report([wrong])).render().contains("a: the accounting is off by 1: please report this"))
  }
}
