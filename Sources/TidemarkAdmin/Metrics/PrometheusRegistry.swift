package import Metrics
internal import Synchronization

/// Holds the counters of the process and renders them for a scrape.
///
/// A `MetricsFactory` for swift-metrics, to pass to the code that counts, or to `MetricsSystem.bootstrap`. May be used from any thread.
/// Equal names and labels always give one series, and a series lives as long as the process: if it were removed between two scrapes, it
/// would count from 0 again.
package final class PrometheusRegistry: MetricsFactory {
  private struct Key: Hashable {
    var name: String
    var labels: [Label]
  }

  private struct Label: Hashable {
    var name: String
    var value: String
  }

  private let series = Mutex<[Key: MetricSeries]>([:])

  package init() {}

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    let made = CounterSeries()
    guard case .counter(let counter) = find(label, dimensions, or: .counter(made)) else { return made }
    return counter
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    gauge(label, dimensions)
  }

  package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    aggregate ? histogram(label, dimensions, unit: .count) : gauge(label, dimensions)
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    histogram(label.hasSuffix("_seconds") ? label : label + "_seconds", dimensions, unit: .seconds)
  }

  // A series outlives its handlers, as described above.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}

  private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
    let made = GaugeSeries()
    guard case .gauge(let gauge) = find(label, dimensions, or: .gauge(made)) else { return made }
    return gauge
  }

  private func histogram(_ label: String, _ dimensions: [(String, String)], unit: MetricUnit) -> HistogramSeries {
    let made = HistogramSeries(bounds: (MetricCatalog.definition(label)?.unit ?? unit).buckets)
    guard case .histogram(let histogram) = find(label, dimensions, or: .histogram(made)) else { return made }
    return histogram
  }

  /// Returns the series with this name and these labels. If a name is used for two kinds, the second one is counted but never shown.
  private func find(_ name: String, _ dimensions: [(String, String)], or made: MetricSeries) -> MetricSeries {
    let labels = dimensions.map { Label(name: Self.legal($0.0, isMetric: false), value: $0.1) }.sorted { $0.name < $1.name }
    let key = Key(name: Self.legal(name, isMetric: true), labels: labels)
    return series.withLock { series in
      if let known = series[key] { return known }
      series[key] = made
      return made
    }
  }

  /// Replaces characters that Prometheus does not allow; libraries use dots and dashes in names.
  private static func legal(_ name: String, isMetric: Bool) -> String {
    let legal = name.unicodeScalars.map { scalar -> Character in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
      case ":" where isMetric: ":"
      default: "_"
      }
    }
    return legal.first?.isNumber == false ? String(legal) : "_" + String(legal)
  }

  /// Renders all metrics in Prometheus' text format.
  package func render() -> String {
    let families = Dictionary(grouping: series.withLock { Array($0) }, by: \.key.name)
    var text = ExpositionText()
    let order = MetricCatalog.order
    let names = families.keys.sorted { left, right in
      (order[left] ?? .max, left) < (order[right] ?? .max, right)
    }
    for name in names {
      let members = (families[name] ?? []).sorted { left, right in
        left.key.labels.map(\.value).lexicographicallyPrecedes(right.key.labels.map(\.value))
      }
      Self.render(name, members.map { ($0.key.labels.map { ($0.name, $0.value) }, $0.value) }, into: &text)
    }
    return text.text
  }

  private typealias Labels = [(name: String, value: String)]

  private static func render(_ name: String, _ members: [(labels: Labels, series: MetricSeries)], into text: inout ExpositionText) {
    let definition = MetricCatalog.definition(name)
    guard let kind = definition?.kind ?? members.first?.series.kind else { return }
    var hasHead = false
    for (labels, series) in members where series.kind == kind {
      if case .gauge(let gauge) = series, gauge.value == nil { continue }
      if !hasHead { text.head(name: name, kind: kind, help: definition?.help ?? "A metric of a library that Tidemark uses.") }
      hasHead = true
      switch series {
      case .counter(let counter): text.line(name, labels, Double(counter.value))
      case .gauge(let gauge): if let value = gauge.value { text.line(name, labels, value) }
      case .histogram(let histogram): render(name, labels, histogram, into: &text)
      }
    }
  }

  private static func render(_ name: String, _ labels: Labels, _ histogram: HistogramSeries, into text: inout ExpositionText) {
    let snapshot = histogram.snapshot
    var count: UInt64 = 0
    for (bound, inBucket) in zip(histogram.bounds + [.infinity], snapshot.counts) {
      count += inBucket
      text.line(name + "_bucket", labels + [("le", ExpositionText.number(bound))], Double(count))
    }
    text.line(name + "_sum", labels, snapshot.sum)
    text.line(name + "_count", labels, Double(count))
  }
}
