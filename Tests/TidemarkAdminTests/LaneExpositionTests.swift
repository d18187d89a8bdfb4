import Testing
import TidemarkCore

@testable import TidemarkAdmin
@testable import TidemarkEngine

@Suite struct LaneExpositionTests {
  private func lines(_ status: WorkerStatus, _ facts: LaneExposition.ServerFacts = .init()) -> [String] {
    LaneExposition(status, facts).render().split(separator: "\n").map(String.init)
  }

  @Test func `a lane shows what its record and its owner know`() {
    var one = lane("orders:\"1\"", .reading, read: 10, deadLetters: 2, lag: LaneLag(entries: 5, seconds: 1.25))
    one.lastCommit = 1_795_389_463_124
    let text = lines(worker([one]))
    for line in [
      #"tidemark_lane_lag_entries{lane="orders:\"1\""} 5"#, #"tidemark_lane_lag_seconds{lane="orders:\"1\""} 1.25"#,
      #"tidemark_lane_last_commit_timestamp_seconds{lane="orders:\"1\""} 1795389463.124"#,
      #"tidemark_lane_state{lane="orders:\"1\"",state="reading"} 1"#, #"tidemark_lane_state{lane="orders:\"1\"",state="idle"} 0"#,
      #"tidemark_lane_fence{lane="orders:\"1\""} 1"#, #"tidemark_entries_read_total{lane="orders:\"1\""} 10"#,
      #"tidemark_entries_applied_total{lane="orders:\"1\""} 8"#, #"tidemark_lanes{state="reading"} 1"#,
      "tidemark_buffer_bytes 4096", "tidemark_backpressure_seconds_total 1.5",
      "tidemark_accounting_error 0",
    ] { #expect(text.contains(line), "\(line)") }
  }

  @Test func `what is not known is absent and never 0`() {
    let text = lines(
      worker([lane("a", lag: LaneLag(entries: 3, seconds: nil)), lane("b", lag: nil)]), .init(redisIsUp: false, postgresIsUp: true))
    #expect(text.contains("tidemark_lane_lag_entries{lane=\"a\"} 3"))
    #expect(text.contains("tidemark_redis_up 0"))
    #expect(text.contains("tidemark_postgres_up 1"))
    for absent in [
      "tidemark_lane_lag_entries{lane=\"b\"}", "tidemark_lane_lag_seconds", "tidemark_lag_entries", "tidemark_lag_seconds",
      "tidemark_lane_last_commit", "tidemark_checkpoint", "tidemark_dead_letters_open", "tidemark_gaps_open", "tidemark_redis_eviction",
    ] { #expect(!text.contains { $0.contains(absent) }, "\(absent)") }
  }

  @Test func `a worker without lanes has no lag`() {
    let text = lines(worker([]))
    #expect(text.contains("tidemark_lanes{state=\"idle\"} 0"))
    #expect(!text.contains { $0.contains("lane=") })
  }

  @Test func `the 200 lanes with the most lag have their own lines and the rest are summed up`() {
    var lanes = (0..<260).map { lane("quiet\($0)", read: 2, lag: LaneLag(entries: 1, seconds: 0.5)) }
    for index in 0..<200 { lanes[index + 60].lag = LaneLag(entries: 10, seconds: 9) }
    let text = lines(worker(lanes))
    #expect(text.count { $0.hasPrefix("tidemark_lane_lag_entries{") } == 201)
    #expect(!text.contains { $0.contains("lane=\"quiet59\"") })
    #expect(text.contains { $0.contains("lane=\"quiet60\"") })
    #expect(text.contains("tidemark_lane_lag_entries{lane=\"other\"} 60"))
    #expect(text.contains("tidemark_lane_lag_seconds{lane=\"other\"} 0.5"))
    #expect(text.contains("tidemark_entries_read_total{lane=\"other\"} 120"))
    #expect(text.contains("tidemark_lane_state{lane=\"other\",state=\"idle\"} 60"))
    #expect(!text.contains { $0.hasPrefix("tidemark_lane_fence{lane=\"other\"") })
  }

  @Test func `a lane that has waited for an unknown time counts among the worst`() {
    var lanes = (0..<201).map { lane("l\($0)", lag: LaneLag(entries: 1, seconds: 1)) }
    lanes[200].lag = LaneLag(entries: 1, seconds: nil)
    let text = lines(worker(lanes))
    #expect(text.contains("tidemark_lane_lag_entries{lane=\"l200\"} 1"))
    #expect(!text.contains { $0.hasPrefix("tidemark_lane_lag_seconds{lane=\"l200\"}") })
  }

  @Test func `entries without an outcome and entries that Redis did not count are an accounting error`() {
    var lost = lane("a", read: 10)
    lost.record.totals.applied = 8
    var uncounted = lane("b", read: 10)
    uncounted.record.ordinal = 13
    var complete = lane("c", read: 10)
    complete.record.ordinal = 17
    complete.record.baseline = 4
    complete.record.totals.missing = 3
    #expect([lost, uncounted, complete].map(\.record.accountingError) == [2, 3, 0])
    #expect(lines(worker([lost, uncounted, complete])).contains("tidemark_accounting_error 5"))
  }

  @Test func `every line belongs to a metric of the catalog and every family has its head once`() {
    let text = lines(
      worker([lane("a")]), .init(redisIsUp: true, postgresIsUp: true, redisIsEvictionSafe: true, deadLettersOpen: 1, gapsOpen: 0))
    let names = text.filter { !$0.hasPrefix("#") }.compactMap { $0.split { $0 == "{" || $0 == " " }.first.map(String.init) }
    #expect(names.allSatisfy { MetricCatalog.definition($0) != nil })
    #expect(text.count { $0.hasPrefix("# HELP ") } == Set(names).count)
    #expect(text.count { $0.hasPrefix("# TYPE ") } == Set(names).count)
  }

  @Test func `the lag of the installation is that of all lanes, whoever owns them, and absent while one is not known`() {
    var sample = report([lane("a", lag: LaneLag(entries: 2, seconds: 1.5)), lane("b", lag: LaneLag(entries: 3, seconds: 0.5))])
    sample.lanes.append(StatusReport.Lane(unregistered: "c", lag: LaneLag(entries: 1600, seconds: 90), error: nil))
    #expect(sample.lag() == LaneLag(entries: 1605, seconds: 90))
    #expect(sample.lag { $0 != "c" } == LaneLag(entries: 5, seconds: 1.5))
    let text = lines(worker([]), .init(lag: sample.lag()))
    #expect(text.contains("tidemark_lag_entries 1605"))
    #expect(text.contains("tidemark_lag_seconds 90"))
    sample.lanes[2] = StatusReport.Lane(unregistered: "c", lag: nil, error: "refused")
    #expect(sample.lag() == LaneLag(entries: nil, seconds: nil))
    sample.lanes = []
    #expect(sample.lag() == LaneLag(entries: 0, seconds: 0))
    sample.postgres.isUp = false
    #expect(sample.lag() == LaneLag(entries: nil, seconds: nil))
  }

  @Test func `what agents are told is absent while Redis is away`() {
    var (known, unknown) = (lane("a"), lane("b", lag: nil))
    (known.pressure, unknown.pressure) = (.slow, .slow)
    let text = lines(worker([known, unknown]))
    #expect(text.contains("tidemark_lane_pressure{lane=\"a\"} 1"))
    #expect(!text.contains { $0.hasPrefix("tidemark_lane_pressure{lane=\"b\"}") })
  }

  @Test func `misrouted entries are counted, and the process tells of itself`() {
    var wrong = lane("a", read: 3)
    wrong.record.totals.misrouted = 2
    #expect(lines(worker([wrong])).contains("tidemark_entries_misrouted_total{lane=\"a\"} 2"))
    let process = ProcessExposition.render().split(separator: "\n")
    for name in ["cpu_seconds_total", "resident_memory_bytes", "virtual_memory_bytes", "start_time_seconds", "open_fds", "max_fds"] {
      #expect(process.contains { $0.hasPrefix("process_\(name) ") && !$0.hasSuffix(" 0") }, "\(name)")
    }
  }

  @Test func `counters of known labels stand at 0 before anything is counted`() {
    let registry = PrometheusRegistry()
    EngineMetrics(factory: registry).begin(["a"])
    let text = registry.render()
    for line in [
      "tidemark_dead_letters_total{reason=\"bad_json\"} 0", "tidemark_retries_total{class=\"world\"} 0",
      "tidemark_divergences_total{kind=\"content\"} 0", "tidemark_entries_missing_total{cause=\"trimmed\",lane=\"a\"} 0",
      "tidemark_lane_breaks_total{cause=\"flushed\",lane=\"a\"} 0", "tidemark_entries_trimmed_total{lane=\"a\"} 0",
      "tidemark_fenced_total 0", "tidemark_lease_changes_total 0",
    ] { #expect(text.contains(line + "\n"), "\(line)") }
  }
}
