package import TidemarkCore

/// Takes sessions back to an earlier state by writing the changes that lead there, like any others: both Redis and the ledger follow, and what
/// came in between stays in the audit trail.
package struct SessionRewinder: Sendable {
  package enum Outcome: Sendable, Equatable {
    /// The last entry of the changes; nil where the session was in that state already.
    case rewound(last: EntryID?)
    /// The session changed in between, and was left alone.
    case changedMeanwhile
  }

  /// The number of changes that are written in one atomic step.
  private static let portion = 1_000

  private let ledger: any HotStateLedger
  private let store: any HotStore

  package init(ledger: any HotStateLedger, store: any HotStore) {
    self.ledger = ledger
    self.store = store
  }

  /// The ledger must have committed the session's change number `seq`, and the session must be in Redis.
  ///
  /// - Parameters:
  ///   - entry: the last entry of the state to return to.
  ///   - seq: the session's last number.
  /// - Throws: ``HotRefusal``, ``SourceError``, ``SinkError``.
  package func rewind(_ session: String, to entry: EntryID, expecting seq: Int64) async throws -> Outcome {
    let changes = try await ledger.rewindChanges(of: session, to: entry)
    var last: EntryID?
    for start in stride(from: 0, to: changes.count, by: Self.portion) {
      let portion = Array(changes[start..<min(start + Self.portion, changes.count)])
      do {
        last = try await store.append(portion, to: session, expecting: seq + Int64(start))
      } catch HotRefusal.conflict {
        return .changedMeanwhile
      }
    }
    return .rewound(last: last)
  }
}
