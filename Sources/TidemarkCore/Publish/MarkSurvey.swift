/// The consequence for a lane's mark.
package enum MarkVerdict: Sendable, Equatable {
  case publish
  /// This worker owns the lane, and its stream does not look like what was read.
  case withhold
  /// This worker does not own the lane any more; the next owner publishes where it stands.
  case drop
}

/// Decides for marks that wait whether they may be published: compares their lanes with the streams that the connection shows.
package struct MarkSurvey: Sendable {
  /// What is known of a lane before something of it is written to Redis.
  enum Eligibility: Sendable {
    /// This worker owns the lane, and expects its stream to be like this.
    case owned(ExpectedStream)
    /// This worker owns the lane, and knows that its stream was replaced.
    case replaced
    /// Another worker owns the lane by now, or it is to be acquired again: all that is known is in its record.
    case left(ExpectedStream, PendingReplacements.Replacement?)
  }

  private let lanes: [(name: String, eligibility: Eligibility)]
  /// The losses of trust at the beginning of the survey.
  let losses: Int

  init(_ lanes: [(name: String, eligibility: Eligibility)], losses: Int) {
    self.lanes = lanes
    self.losses = losses
  }

  /// The streams to observe over the connection that is to carry the marks.
  package var checks: [ExpectedStream] {
    lanes.compactMap { lane in
      switch lane.eligibility {
      case .owned(let check), .left(let check, _): check
      case .replaced: nil
      }
    }
  }

  /// The lanes that were this worker's at the beginning. Only these may be trusted later.
  var ownedLanes: [String] {
    lanes.compactMap { if case .owned = $0.eligibility { $0.name } else { nil } }
  }

  /// Returns the verdicts by lane. A lane that could not be compared is not sound.
  func verdicts(_ comparisons: [StreamComparison]) -> [String: MarkVerdict] {
    let found = Dictionary(comparisons.map { ($0.lane.lane, $0) }) { first, _ in first }
    var verdicts: [String: MarkVerdict] = [:]
    for (name, eligibility) in lanes {
      switch eligibility {
      case .replaced: verdicts[name] = .withhold
      case .owned: verdicts[name] = Self.isSound(found[name]) ? .publish : .withhold
      case .left(_, let pending): verdicts[name] = Self.isSound(found[name], after: pending) ? .publish : .drop
      }
    }
    return verdicts
  }

  private static func isSound(_ comparison: StreamComparison?, after pending: PendingReplacements.Replacement? = nil) -> Bool {
    comparison.map { $0.replacement(after: pending) == nil } ?? false
  }
}
