extension MetricCatalog {
  /// What `ops/metrics.md` holds, with one newline at its end.
  package static func markdown() -> String {
    var lines = [introduction]
    lines += ["## Of each lane", "", "By the worker that owns it.", ""] + table(lanes)
    lines += ["", "## Of each worker", ""] + table(workers)
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

    Written from the program's own catalog by `tidemark check --metrics > ops/metrics.md`; change the catalog, not this page.

    `/metrics` serves them in Prometheus' text format 0.0.4, without a token. A value that is not known is absent, never 0: while Redis
    is away, for instance, no lag is reported. No metric has a session as a label. The \(LaneExposition.labelled) lanes of a worker with
    the most lag have a line of their own; the others are summed up under `lane="other"`, where a counter may fall when a lane moves
    between the two.

    """
}
