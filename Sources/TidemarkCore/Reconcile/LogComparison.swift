/// Compares the entries of a range of a stream with the changes that Postgres has there. What the settings of today would decide is only a first
/// guess: what Postgres has, in whatever form, was decided by the settings of its day.
///
/// 1. An entry with a change of its digest is well, also if the rules of today reject it. Of an entry that was cut when it was read the position alone
///    tells.
/// 2. An ephemeral entry without a change is well.
/// 3. Any other entry is ``suspects``: the ledger is asked for other traces of it.
/// 4. A change without an entry was trimmed, or its entry was deleted, or it is of an earlier stream: that is decided with the first entry of the
///    stream.
///
/// It is a value without I/O.
package struct LogComparison: Sendable {
  /// An entry without a change of its digest.
  package struct Suspect: Sendable, Equatable {
    package var entry: ExpectedEntry
    /// Whether a change with another digest is at the entry's position.
    package var isDifferent: Bool
  }

  /// A difference that was found.
  package enum Finding: Sendable, Hashable {
    case missing(EntryID, session: String?, isLetter: Bool)
    case different(EntryID, session: String?)
    case deleted(first: EntryID, last: EntryID, count: Int)
  }

  package private(set) var suspects: [Suspect] = []
  /// The changes without an entry, each with the number of entries of the stream that come before it.
  package private(set) var unread: [(change: StoredChange, entriesBefore: Int)] = []

  /// - Parameters:
  ///   - entries: the entries of the range, in order.
  ///   - changes: the changes of the range, in order.
  package init(_ entries: [ExpectedEntry], _ changes: [StoredChange]) {
    var next = changes[...]
    for (place, entry) in entries.enumerated() {
      while let change = next.first, change.id < entry.id {
        unread.append((change, place))
        next = next.dropFirst()
      }
      guard let change = next.first, change.id == entry.id else {
        if entry.outcome != .nothing { suspects.append(Suspect(entry: entry, isDifferent: false)) }
        continue
      }
      next = next.dropFirst()
      if let digest = entry.digest ?? (entry.outcome == .nothing ? ContentDigest.none : nil), digest != change.digest {
        suspects.append(Suspect(entry: entry, isDifferent: true))
      }
    }
    unread += next.map { ($0, entries.count) }
  }

  /// - Parameters:
  ///   - traces: what the ledger knows of each of ``suspects``.
  ///   - firstHeld: the first entry that the stream holds now; nil where it holds none.
  ///   - furthestBefore: the furthest position of earlier incarnations. What is there may be of another stream.
  package func findings(_ traces: [EntryTrace], firstHeld: EntryID?, furthestBefore: EntryID) -> [Finding] {
    let lost = zip(suspects, traces).compactMap { suspect, trace in Self.finding(suspect, trace) }
    return lost + deletions(firstHeld, furthestBefore)
  }

  private static func finding(_ suspect: Suspect, _ trace: EntryTrace) -> Finding? {
    let entry = suspect.entry
    if trace.isLetter { return nil }
    if suspect.isDifferent { return .different(entry.id, session: entry.session) }
    guard entry.eventID != nil else { return .missing(entry.id, session: entry.session, isLetter: entry.outcome == .letter) }
    if trace.isOwnID { return .missing(entry.id, session: entry.session, isLetter: false) }
    // A duplicate has no effect.
    if trace.isSameID { return nil }
    if trace.isOtherID { return .missing(entry.id, session: entry.session, isLetter: true) }
    // The claim of the entry of which this one may be a duplicate is forgotten after `dedupe.window`. Where that can't be told, nothing is said.
    guard trace.isCertain, !trace.isForgottenID else { return nil }
    return .missing(entry.id, session: entry.session, isLetter: entry.outcome == .letter)
  }

  private func deletions(_ firstHeld: EntryID?, _ furthestBefore: EntryID) -> [Finding] {
    guard let firstHeld else { return [] }
    var runs: [(first: EntryID, last: EntryID, count: Int, entriesBefore: Int)] = []
    for (change, entriesBefore) in unread where change.id > firstHeld && change.id > furthestBefore {
      if let run = runs.last, run.entriesBefore == entriesBefore {
        runs[runs.count - 1].last = change.id
        runs[runs.count - 1].count += 1
      } else {
        runs.append((change.id, change.id, 1, entriesBefore))
      }
    }
    return runs.map { .deleted(first: $0.first, last: $0.last, count: $0.count) }
  }
}

extension LogComparison.Finding {
  /// Returns the difference as it is recorded.
  package func divergence(in lane: String) -> Divergence {
    switch self {
    case .missing(let id, let session, let isLetter):
      Divergence(
        lane: lane, session: session, kind: .missingInPostgres, subject: "\(id)", entries: id...id,
        detail: isLetter
          ? "entry \(id) is neither a change nor a dead letter" : "entry \(id) is in Redis, and PostgreSQL has no change of it")
    case .different(let id, let session):
      Divergence(
        lane: lane, session: session, kind: .differentInPostgres, subject: "\(id)", entries: id...id,
        detail: "the change at entry \(id) has another content in PostgreSQL than in Redis")
    case .deleted(let first, let last, let count):
      Divergence(
        lane: lane, session: nil, kind: .entryDeleted, subject: "\(first)", entries: first...last,
        detail: count == 1
          ? "entry \(first) was deleted from the stream; its change is in PostgreSQL"
          : "\(count) entries from \(first) to \(last) were deleted from the stream; their changes are in PostgreSQL")
    }
  }
}
