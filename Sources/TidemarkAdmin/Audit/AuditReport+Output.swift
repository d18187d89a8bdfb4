internal import Foundation
internal import TidemarkCore

extension AuditReport {
  private struct Output: Encodable {
    struct Lane: Encodable {
      var lane: String
      var changes: Int64
      var sealed: Int64
      var erased: Int64
      var audited: Int64
      var seal: String?
    }

    struct Difference: Encodable {
      var lane: String?
      var kind: String
      var no: Int64?
      var entry: String?
      var session: String?
      var text: String
    }

    var ok: Bool
    var lanes: [Lane]
    var differences: [Difference]
  }

  /// Returns one JSON object with sorted keys.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    let output = Output(
      ok: isClean,
      lanes: lanes.map {
        .init(
          lane: $0.name, changes: $0.changes, sealed: $0.sealedNo, erased: $0.erased, audited: $0.auditedNo,
          seal: $0.head.map { Hex.text($0.link) })
      },
      differences: differences.map {
        .init(lane: $0.lane, kind: $0.kind.rawValue, no: $0.no, entry: $0.entry, session: $0.session, text: $0.text)
      })
    return ForeignText.json(String(decoding: try encoder.encode(output), as: UTF8.self))
  }

  /// Returns a table of the lanes and a line for each difference, without a line feed at the end.
  package func text() -> String {
    guard !lanes.isEmpty || !isClean else { return "No lanes yet: a worker registers them when it first runs." }
    let rows = lanes.filter { $0.changes > 0 }.map { lane in
      ["\(lane.changes)", "\(lane.changes - lane.sealedNo)", "\(lane.erased)", ForeignText.line(lane.name)]
    }
    var lines = AlignedText.lines([["CHANGES", "NOT SEALED YET", "ERASED", "LANE"]] + rows, numeric: 0...2)
    lines += differences.map { difference in
      "\(difference.lane.map { "\(ForeignText.line($0)): " } ?? "")\(ForeignText.line(difference.text))"
    }
    let total = lanes.reduce(0) { $0 + $1.changes }
    lines.append(
      isClean
        ? "\(total) changes: everything is as it was sealed, and the counters add up"
        : "\(total) changes: \(differences.count) differences, at most one of each lane")
    return lines.joined(separator: "\n")
  }
}
