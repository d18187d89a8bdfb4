import Metrics
import Testing

@testable import TidemarkAdmin

@Suite struct RegistryTests {
  private let registry = PrometheusRegistry()

  @Test func `a counter is one series however often it is asked for`() {
    for _ in 0..<3 {
      Counter(label: "tidemark_dead_letters_total", dimensions: [("reason", "bad_json")], factory: registry).increment(by: 2)
    }
    #expect(
      registry.render() == """
        # HELP tidemark_dead_letters_total Entries that this worker has made dead letters.
        # TYPE tidemark_dead_letters_total counter
        tidemark_dead_letters_total{reason="bad_json"} 6

        """)
  }

  @Test func `a histogram's buckets are cumulative and its bounds inclusive`() {
    let recorder = Recorder(label: "tidemark_batch_duration_seconds", dimensions: [("phase", "commit")], aggregate: true, factory: registry)
    for value in [0.001, 0.0011, 0.2, 60, 61] { recorder.record(value) }
    #expect(
      registry.render() == """
        # HELP tidemark_batch_duration_seconds The duration of a phase: read (one XREAD), apply (decoding and routing a batch), commit (the transaction).
        # TYPE tidemark_batch_duration_seconds histogram
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.001"} 1
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.0025"} 2
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.005"} 2
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.01"} 2
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.025"} 2
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.05"} 2
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.1"} 2
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.25"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="0.5"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="1"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="2.5"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="5"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="10"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="30"} 3
        tidemark_batch_duration_seconds_bucket{phase="commit",le="60"} 4
        tidemark_batch_duration_seconds_bucket{phase="commit",le="+Inf"} 5
        tidemark_batch_duration_seconds_sum{phase="commit"} 121.2021
        tidemark_batch_duration_seconds_count{phase="commit"} 5

        """)
  }

  @Test func `label values are escaped, and what libraries name otherwise is made legal`() {
    Counter(label: "some.library-calls", dimensions: [("a.b", "back\\slash \"quote\u{301}\"\nline")], factory: registry).increment()
    #expect(
      registry.render() == """
        # HELP some_library_calls A metric of a library that Tidemark uses.
        # TYPE some_library_calls counter
        some_library_calls{a_b="back\\\\slash \\"quote\u{301}\\"\\nline"} 1

        """)
  }

  @Test func `a gauge that was never set is absent`() {
    let meter = Meter(label: "tidemark_config_reload_success", dimensions: [], factory: registry)
    #expect(registry.render().isEmpty)
    meter.set(0)
    #expect(registry.render().hasSuffix("tidemark_config_reload_success 0\n"))
  }

  @Test func `the process reports its version and that its configuration is in force`() {
    let process = ProcessMetrics(factory: registry, version: "1.2.3")
    #expect(registry.render().contains("tidemark_build_info{version=\"1.2.3\"} 1\n"))
    #expect(registry.render().contains("tidemark_config_reload_success 1\n"))
    process.reloaded(false)
    #expect(registry.render().contains("tidemark_config_reload_success 0\n"))
  }

  @Test func `a timer counts seconds`() {
    Timer(label: "some_wait", dimensions: [], factory: registry).recordNanoseconds(1_500_000_000)
    #expect(registry.render().contains("some_wait_seconds_sum 1.5\n"))
  }

  @Test func `a name keeps its first kind`() {
    Counter(label: "twice", dimensions: [], factory: registry).increment()
    Meter(label: "twice", dimensions: [], factory: registry).set(7)
    #expect(registry.render().hasSuffix("# TYPE twice counter\ntwice 1\n"))
  }

  @Test func `nothing is lost when many record at once`() async {
    let recorder = Recorder(label: "tidemark_commit_lag_seconds", dimensions: [], aggregate: true, factory: registry)
    let counter = Counter(label: "tidemark_fenced_total", dimensions: [], factory: registry)
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1000 {
            recorder.record(0.5)
            counter.increment()
          }
        }
      }
    }
    let text = registry.render()
    #expect(text.contains("tidemark_commit_lag_seconds_count 8000\n"))
    #expect(text.contains("tidemark_commit_lag_seconds_sum 4000\n"))
    #expect(text.contains("tidemark_fenced_total 8000\n"))
  }
}
