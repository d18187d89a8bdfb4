/// Draws a sweep as SVG: throughput above and lag below, over the batch size. The colours follow the reader's colour scheme, light or dark.
package struct SweepChart {
  private let sweep: SweepResult
  private let across: ChartScale

  private static let (width, height) = (760.0, 580.0)
  private static let (left, right) = (96.0, 690.0)
  private static let (upperTop, upperBottom) = (80.0, 290.0)
  private static let (lowerTop, lowerBottom) = (350.0, 510.0)

  package init(_ sweep: SweepResult) {
    self.sweep = sweep
    across = .logarithmic(at: sweep.points.map { Double($0.maxEntries) }, from: Self.left, to: Self.right)
  }

  package func render() -> String {
    let body = [heading(), throughput(), lag(), sizes(), knee()].flatMap(\.self)
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" aria-label="\(summary)">
      <style>
      \(Self.style)
      </style>
      <rect class="paper" width="100%" height="100%"/>
      \(body.joined(separator: "\n"))
      </svg>

      """
  }

  private var summary: String {
    "Throughput and commit lag against batch.max_entries; the knee is at \(NumberText.grouped(sweep.kneeMaxEntries)) entries"
  }

  private static let style = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 16px; font-weight: 600 }
    .paper { fill: #ffffff }
    .grid { stroke: #d8dee4; stroke-width: 1 }
    .line { fill: none; stroke-width: 2 }
    .hint { stroke-dasharray: 5 4; stroke-width: 1.5; fill: none }
    .rate { stroke: #0969da; fill: #0969da } .p50 { stroke: #1a7f37; fill: #1a7f37 } .p99 { stroke: #bc4c00; fill: #bc4c00 }
    .knee { stroke: #8250df; fill: #8250df }
    text.rate, text.p50, text.p99, text.knee { stroke: none }
    .line.rate, .line.p50, .line.p99, .hint.rate, .hint.knee { fill: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .paper { fill: #0d1117 } .grid { stroke: #30363d }
      .rate { stroke: #58a6ff; fill: #58a6ff } .p50 { stroke: #3fb950; fill: #3fb950 } .p99 { stroke: #f0883e; fill: #f0883e }
      .knee { stroke: #bc8cff; fill: #bc8cff }
    }
    """

  private func heading() -> [String] {
    [
      Self.text("Throughput and commit lag by batch size", Self.left, 28, "title"),
      Self.text("Drain of the mix, changes per second", Self.left, Self.upperTop - 14),
      Self.text("Commit lag at \(NumberText.grouped(sweep.rate)) changes per second, milliseconds", Self.left, Self.lowerTop - 14),
    ]
  }

  private func throughput() -> [String] {
    let best = sweep.points.map(\.changesPerSecond).max() ?? 1
    let up = ChartScale.linear(upTo: best, from: Self.upperBottom, to: Self.upperTop)
    let enough = up.position(of: best * SweepResult.enough)
    return up.ticks.flatMap { grid(up.position(of: $0), NumberText.grouped($0)) } + [
      Self.line("hint rate", (Self.left, enough), (Self.right, enough)),
      Self.text("95 %", Self.right + 8, enough + 4, "rate"),
    ] + curve("rate", up, sweep.points.map(\.changesPerSecond)) { "\(NumberText.grouped($0)) changes/s" }
  }

  private func lag() -> [String] {
    let (middle, tail) = (sweep.points.map { $0.lag.p50Microseconds / 1000 }, sweep.points.map { $0.lag.p99Microseconds / 1000 })
    let up = ChartScale.logarithmic(middle + tail, from: Self.lowerBottom, to: Self.lowerTop)
    var parts = up.ticks.flatMap { grid(up.position(of: $0), NumberText.decimal($0, $0 < 0.1 ? 2 : $0 < 1 ? 1 : 0)) }
    for (name, values) in [("p50", middle), ("p99", tail)] {
      parts += curve(name, up, values) { "\(name) \(NumberText.decimal($0, 2)) ms" }
      if let last = values.last { parts.append(Self.text(name, Self.right + 8, up.position(of: last) + 4, name)) }
    }
    return parts
  }

  private func sizes() -> [String] {
    var parts: [String] = []
    var free = 0.0
    for size in across.ticks {
      let place = across.position(of: size)
      parts.append(Self.line("grid", (place, Self.lowerBottom), (place, Self.lowerBottom + 5)))
      // Labels of sizes that are close together would overlap.
      guard place >= free else { continue }
      parts.append(Self.text(NumberText.grouped(size), place, Self.lowerBottom + 22, anchor: "middle"))
      free = place + 48
    }
    return parts + [Self.text("batch.max_entries, entries", (Self.left + Self.right) / 2, Self.lowerBottom + 48, anchor: "middle")]
  }

  private func knee() -> [String] {
    let place = across.position(of: Double(sweep.kneeMaxEntries))
    let isLeft = place < (Self.left + Self.right) / 2
    return [
      Self.line("hint knee", (place, Self.upperTop), (place, Self.upperBottom)),
      Self.line("hint knee", (place, Self.lowerTop), (place, Self.lowerBottom)),
      Self.text(
        "knee: \(NumberText.grouped(sweep.kneeMaxEntries))", place + (isLeft ? 8 : -8), Self.upperBottom - 8, "knee",
        anchor: isLeft ? "start" : "end"),
    ]
  }

  // Elements of the SVG.

  private func grid(_ height: Double, _ label: String) -> [String] {
    [Self.line("grid", (Self.left, height), (Self.right, height)), Self.text(label, Self.left - 8, height + 4, anchor: "end")]
  }

  private func curve(_ name: String, _ up: ChartScale, _ values: [Double], told: (Double) -> String) -> [String] {
    let places = zip(sweep.points, values).map { point, value in
      (x: Self.coordinate(across.position(of: Double(point.maxEntries))), y: Self.coordinate(up.position(of: value)))
    }
    let line = "<polyline class=\"line \(name)\" points=\"\(places.map { "\($0.x),\($0.y)" }.joined(separator: " "))\"/>"
    let dots = zip(places, zip(sweep.points, values)).map { place, pair in
      "<circle class=\"\(name)\" cx=\"\(place.x)\" cy=\"\(place.y)\" r=\"4\">"
        + "<title>\(NumberText.grouped(pair.0.maxEntries)) entries: \(told(pair.1))</title></circle>"
    }
    return [line] + dots
  }

  private static func line(_ name: String, _ from: (Double, Double), _ to: (Double, Double)) -> String {
    "<line class=\"\(name)\" x1=\"\(coordinate(from.0))\" y1=\"\(coordinate(from.1))\" x2=\"\(coordinate(to.0))\" y2=\"\(coordinate(to.1))\"/>"
  }

  private static func text(_ text: String, _ x: Double, _ y: Double, _ name: String = "label", anchor: String = "start") -> String {
    "<text class=\"\(name)\" x=\"\(coordinate(x))\" y=\"\(coordinate(y))\" text-anchor=\"\(anchor)\">\(text)</text>"
  }

  private static func coordinate(_ value: Double) -> String { NumberText.decimal(value, 1) }
}
