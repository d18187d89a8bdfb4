extension MetricCatalog {
  /// Returns the content of `ops/metrics.md`, with one newline at its end.
  package static func markdown() -> String {
    var lines = [introduction]
    lines += ["## Metrics of each lane", "", "The lane's owner reports these metrics.", ""] + table(lanes)
    lines += ["", "## Metrics of each worker", ""] + table(workers)
    lines += ["", "## Buckets", ""]
    for unit in [MetricUnit.seconds, .entries, .bytes] {
      lines.append("- \(unit.rawValue): \(unit.buckets.map(ExpositionText.number).joined(separator: ", "))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func table(_ definitions: [MetricDefinition]) -> [String] {
    ["| metric | type | unit | labels | meaning |", "|---|---|---|---|---|"]
      + definitions.map { definition in
        let labels = definition.labels.map { "`\($0)`" }.joined(separator: ", ")
        return "| `\(definition.fullName)` | \(definition.kind.rawValue) | \(definition.unit.rawValue) | \(labels) | \(definition.help) |"
      }
  }

  private static let introduction = """
    # Metrics

    Generated from the program's catalog by `tidemark check --metrics > ops/metrics.md`; change the catalog, not this page.

    `/metrics` serves the metrics in Prometheus' text format 0.0.4 and needs no token. An unknown value is absent, never 0: while Redis
    is unreachable, for example, no lag is reported. Sessions are never labels. The \(LaneExposition.labelled) lanes of a worker with
    the most lag have their own lines; the others are summed under `lane="other"`, where a counter may decrease when a lane moves
    between the two.

    """
}
