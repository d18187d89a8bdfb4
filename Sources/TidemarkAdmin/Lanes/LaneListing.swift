internal import Foundation
internal import TidemarkCore
package import TidemarkPostgres

/// The output of `tidemark lanes list`: the lanes with the problems that need a person, then their gaps.
package struct LaneListing: Sendable, Encodable {
  package var lanes: [StatusReport.Lane]
  package var gaps: [RecordedGap]

  package init(lanes: [StatusReport.Lane], gaps: [RecordedGap]) {
    self.lanes = lanes
    self.gaps = gaps
  }

  /// Returns one JSON object with sorted keys.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return ForeignText.json(String(decoding: try encoder.encode(self), as: UTF8.self))
  }

  /// Returns tables for a terminal, without a line feed at the end.
  package func text() -> String {
    guard !lanes.isEmpty else { return "No lanes yet: a worker registers them when it first runs." }
    let rows = lanes.map { lane in
      [
        ForeignText.line(lane.lane), lane.state, lane.since ?? "-", lane.lagEntries.map { String($0) } ?? "?",
        lane.deadLettersOpen.map { String($0) } ?? "?", lane.gapsOpen.map { String($0) } ?? "?",
        lane.lastError.map { ForeignText.line($0) } ?? "",
      ]
    }
    var blocks = [AlignedText.lines([["LANE", "STATE", "SINCE", "LAG", "DEAD LETTERS", "GAPS", "REASON"]] + rows, numeric: 3...5)]
    if !gaps.isEmpty {
      let rows = gaps.map { gap in
        [
          String(gap.id), gap.missing.map { String($0) } ?? "at least \(gap.atLeast ?? 0)", gap.cause, gap.detectedAt,
          gap.acknowledgedAt.map { "acknowledged \($0)" } ?? "open", "\(gap.after ?? "?") .. \(gap.before ?? "")",
          ForeignText.line(gap.lane),
        ]
      }
      blocks.append(AlignedText.lines([["GAP", "MISSING", "CAUSE", "DETECTED", "", "BETWEEN", "LANE"]] + rows, numeric: 0...1))
    }
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }
}
