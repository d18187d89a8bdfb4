/// What the ledger says beside a session's state, where that and the state in Redis differ.
package struct HotEvidence: Sendable, Equatable {
  /// Whether the ledger knows the session.
  package var isKnown: Bool
  /// Whether the session's last change in Redis is in the audit trail.
  package var isRecorded: Bool
  /// Whether a change without a number came since the session's changes are in Redis: the function library does not know of it.
  package var isBypassed: Bool
  /// Whether a change of the session since then is a dead letter: Redis shows it, and the ledger does not.
  package var hasLetter: Bool
  /// Whether the ledger has changes of the session from before the first one in Redis.
  package var knowsEarlier: Bool
  /// The number of messages, visible or not, behind the one that was asked for.
  package var messages: Int

  package init(
    isKnown: Bool, isRecorded: Bool = true, isBypassed: Bool = false, hasLetter: Bool = false,
    knowsEarlier: Bool = false, messages: Int = 0
  ) {
    self.isKnown = isKnown
    self.isRecorded = isRecorded
    self.isBypassed = isBypassed
    self.hasLetter = hasLetter
    self.knowsEarlier = knowsEarlier
    self.messages = messages
  }
}

/// The judgement on a session in Redis, by what the ledger has of it.
package enum HotVerdict: Sendable, Equatable {
  case equal
  /// Nothing can be said: the ledger may know more of the session, or does not have its last change yet, or the difference has a known reason.
  case undecided
  /// They differ; more must be known before it is said how.
  case suspect(since: EntryID?)
  case different(Divergence.Kind, detail: String)

  /// - Parameters:
  ///   - hot: the session in Redis; nil where it is not there. Such a session is cold, which is no difference.
  ///   - known: the session in the ledger, read later, with as many messages as Redis keeps.
  ///   - committed: the cursor of the session's lane, read after `hot` and before `known`.
  ///   - evidence: nil where nothing more is known yet.
  ///   - limit: the number of messages of a session that Redis keeps: `hot.messages`.
  ///   - fewest: the smallest such number that was ever in force.
  package init(
    _ hot: LoadedSession?, _ known: HotSession?, committed: EntryID, evidence: HotEvidence? = nil, limit: Int, fewest: Int
  ) {
    guard let hot, let entry = hot.entry, entry <= committed else {
      self = .undecided
      return
    }
    guard let known else {
      guard let evidence else {
        self = .suspect(since: nil)
        return
      }
      self =
        evidence.isKnown || evidence.hasLetter
        ? .undecided : .different(.hotUnknown, detail: "PostgreSQL does not know the session, which is in Redis up to entry \(entry)")
      return
    }
    let comparison = HotComparison(hot, known, limit: limit)
    if comparison.different.isEmpty, comparison.missing.isEmpty, comparison.shorterSince == nil {
      self = .equal
      return
    }
    guard let evidence else {
      self = .suspect(since: comparison.shorterSince)
      return
    }
    // A session that began anew lacks what the ledger has of before, until a restore completes it.
    self = hot.isFresh && evidence.knowsEarlier ? .undecided : Self.judge(comparison, evidence, entry, known.entry, fewest)
  }

  private static func judge(
    _ comparison: HotComparison, _ evidence: HotEvidence, _ hot: EntryID, _ known: EntryID, _ fewest: Int
  ) -> HotVerdict {
    var missing = comparison.missing
    // The list drops a message when more came after it than it holds.
    if comparison.shorterSince != nil, evidence.messages < fewest { missing.append("messages") }
    let parts = comparison.different + missing
    if parts.isEmpty { return .equal }
    // Which change Redis has and the ledger refused, or the reverse, is known already.
    if evidence.hasLetter { return .undecided }
    let names = parts.joined(separator: ", ")
    if evidence.isBypassed {
      return .different(.bypassed, detail: "\(names): a change that was added to the stream without the function library is not in Redis")
    }
    if known > hot { return .different(.hotOlder, detail: "\(names): PostgreSQL has the session up to entry \(known), Redis up to \(hot)") }
    if !evidence.isRecorded {
      return .different(.hotNewer, detail: "\(names): PostgreSQL does not have entry \(hot), the last one in Redis")
    }
    if comparison.different.isEmpty { return .different(.hotMissing, detail: "\(names): not in Redis") }
    return .different(.hotDifferent, detail: names)
  }
}
