import Foundation
import TidemarkCore
import TidemarkEngine
import TidemarkPostgres

/// Formats differences and repairs as text and as JSON.
enum ReconcileText {
  static func line(_ recorded: RecordedDivergence) -> String {
    let divergence = recorded.divergence
    let texts = [divergence.lane, divergence.kind.rawValue, divergence.session ?? "-", divergence.detail]
    return texts.map { ForeignText.escaped($0) }.joined(separator: "  ")
  }

  static func line(_ repair: LogReconciler.Repair, in lane: String) -> String {
    "\(ForeignText.escaped(lane))  repaired  entry \(repair.entry) \(outcome(repair))"
  }

  /// Returns why a difference was not repaired; nil where it was.
  static func reason(_ repair: LogReconciler.Repair) -> String? {
    switch repair.outcome {
    case nil: "entry \(repair.entry) can't be applied again: Redis does not hold it any more"
    case .rejectedAgain, .applied, .alreadyThere, .resolvedBefore: nil
    }
  }

  private static func outcome(_ repair: LogReconciler.Repair) -> String {
    switch repair.outcome {
    case .applied: "was applied again"
    case .alreadyThere: "was there already"
    case .rejectedAgain(let rejection): "was made a dead letter, \(rejection.reason.rawValue): \(ForeignText.escaped(rejection.detail))"
    case .resolvedBefore(let repair): "was repaired before: \(ForeignText.escaped(repair))"
    case nil: "is not in Redis any more"
    }
  }

  static func json(_ recorded: RecordedDivergence) throws -> String {
    let divergence = recorded.divergence
    return try json(
      Row(
        id: recorded.number, lane: divergence.lane, sessionID: divergence.session, kind: divergence.kind.rawValue,
        detail: divergence.detail, entryID: divergence.entries.map { "\($0.lowerBound)" },
        throughEntryID: divergence.entries.map { "\($0.upperBound)" }, foundAt: recorded.foundAt))
  }

  static func json(_ repair: LogReconciler.Repair, in lane: String) throws -> String {
    try json(
      Row(
        id: repair.number, lane: lane, kind: Divergence.Kind.missingInPostgres.rawValue, detail: "entry \(repair.entry) \(outcome(repair))",
        entryID: "\(repair.entry)", throughEntryID: "\(repair.entry)", isRepaired: true))
  }

  private static func json(_ row: Row) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return ForeignText.json(String(decoding: try encoder.encode(row), as: UTF8.self))
  }

  private struct Row: Encodable {
    enum CodingKeys: String, CodingKey {
      case id, lane, kind, detail
      case sessionID = "session_id"
      case entryID = "entry_id"
      case throughEntryID = "through_entry_id"
      case foundAt = "found_at"
      case isRepaired = "repaired"
    }

    /// The number of its row; left out where it is not recorded.
    var id: Int64?
    var lane: String
    var sessionID: String?
    var kind: String
    var detail: String
    var entryID: String?
    var throughEntryID: String?
    var foundAt: String?
    var isRepaired = false
  }
}

extension LogReconciler.Repair {
  var isDone: Bool { outcome != nil }
}
