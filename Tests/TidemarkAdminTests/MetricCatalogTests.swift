import Foundation
import Testing

@testable import TidemarkAdmin

@Suite struct MetricCatalogTests {
  @Test func `the page of metrics is what the catalog says`() throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../ops/metrics.md")
    #expect(
      try String(contentsOf: page, encoding: .utf8) == MetricCatalog.markdown(),
      "write it again with: tidemark check --metrics > ops/metrics.md")
  }

  @Test func `names are unique and end as their kind and unit want it`() {
    let all = MetricCatalog.all
    #expect(Set(all.map(\.name)).count == all.count)
    for metric in all {
      #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"), "\(metric.name)")
      #expect(metric.unit != .timestamp || metric.name.hasSuffix("_timestamp_seconds"), "\(metric.name)")
      #expect(metric.help.hasSuffix(".") && !metric.help.contains("\n") && !metric.help.contains("|"), "\(metric.name)")
      #expect(!metric.labels.contains("session"), "\(metric.name)")
    }
  }

  @Test func `buckets ascend`() {
    for unit in [MetricUnit.seconds, .entries, .bytes, .count] {
      #expect(zip(unit.buckets, unit.buckets.dropFirst()).allSatisfy { $0 < $1 })
    }
  }
}
