internal import Histogram

/// A histogram of lags with three significant digits, however long the tail. (HdrHistogram: the tail matters most, and means hide it.)
struct LagHistogram: Sendable {
  private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

  /// Records a lag; a negative one counts as 0.
  mutating func record(_ lag: Duration) {
    histogram.record(UInt64(max(0, lag.nanoseconds)))
  }

  /// The summary; nil if nothing was recorded.
  var summary: LagSummary? {
    guard histogram.totalCount > 0 else { return nil }
    func at(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
    return LagSummary(
      count: Int(histogram.totalCount), p50Microseconds: at(50), p90Microseconds: at(90), p99Microseconds: at(99),
      maxMicroseconds: Double(histogram.maxRecorded) / 1000)
  }
}

/// A distribution of lags in the form that reports show.
package struct LagSummary: Sendable, Equatable, Encodable {
  package var count: Int
  package var p50Microseconds: Double
  package var p90Microseconds: Double
  package var p99Microseconds: Double
  package var maxMicroseconds: Double
}
