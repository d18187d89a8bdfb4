internal import Metrics
internal import Synchronization

/// The value of one metric for one set of labels.
enum MetricSeries: Sendable {
  case counter(CounterSeries)
  case gauge(GaugeSeries)
  case histogram(HistogramSeries)

  var kind: MetricDefinition.Kind {
    switch self {
    case .counter: .counter
    case .gauge: .gauge
    case .histogram: .histogram
    }
  }
}

final class CounterSeries: CounterHandler {
  private let total = Atomic<Int64>(0)

  var value: Int64 { total.load(ordering: .relaxed) }

  func increment(by amount: Int64) {
    guard amount > 0 else { return }
    total.wrappingAdd(amount, ordering: .relaxed)
  }

  func reset() { total.store(0, ordering: .relaxed) }
}

/// A value that goes up and down; absent until it is set.
final class GaugeSeries: MeterHandler, RecorderHandler {
  private let current = Mutex<Double?>(nil)

  var value: Double? { current.withLock { $0 } }

  func set(_ value: Double) { current.withLock { $0 = value } }
  func set(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }
  func record(_ value: Int64) { set(Double(value)) }
  func increment(by amount: Double) { current.withLock { $0 = ($0 ?? 0) + amount } }
  func decrement(by amount: Double) { increment(by: -amount) }
}

/// Counts values by bucket. Recording takes the lock, finds the bucket and adds; it allocates no memory.
final class HistogramSeries: RecorderHandler, TimerHandler {
  struct Snapshot {
    /// The counts of the buckets, not cumulative; the last one counts the values beyond all bounds.
    var counts: [UInt64]
    var sum: Double
  }

  /// The upper bounds, ascending, each inclusive.
  let bounds: [Double]
  private let state: Mutex<Snapshot>

  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(Snapshot(counts: Array(repeating: 0, count: bounds.count + 1), sum: 0))
  }

  var snapshot: Snapshot { state.withLock { $0 } }

  func record(_ value: Double) {
    guard !value.isNaN else { return }
    // There are few bounds and most values are small, so a scan is as fast as a search.
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    state.withLock { state in
      state.counts[bucket] += 1
      state.sum += value
    }
  }

  func record(_ value: Int64) { record(Double(value)) }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
