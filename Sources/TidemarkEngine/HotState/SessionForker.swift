package import TidemarkCore

/// Makes a new session that begins with the state of another one, by writing its changes like any others: in Redis, numbered, and from there
/// into the ledger.
package struct SessionForker: Sendable {
  package enum Outcome: Sendable, Equatable {
    /// The new session's last entry, which is durable when the whole fork is.
    case forked(changes: Int, last: EntryID)
    /// The ledger does not know the session, or it began after the entry.
    case unknown
    /// The name of the new session is in use.
    case exists
  }

  /// The number of changes that are written at once.
  private static let portion = 200

  private let ledger: any HotStateLedger
  private let store: any HotStore

  package init(ledger: any HotStateLedger, store: any HotStore) {
    self.ledger = ledger
    self.store = store
  }

  /// A fork that was interrupted may be repeated: each change has an event id that follows from the new session's name and its number.
  ///
  /// - Parameter entry: the last entry that the new session takes over; nil: all that is committed.
  /// - Throws: ``HotRefusal``, ``SourceError``, ``SinkError``.
  package func fork(_ session: String, at entry: EntryID?, as new: String) async throws -> Outcome {
    let changes = try await ledger.forkChanges(of: session, at: entry)
    guard !changes.isEmpty else { return .unknown }
    guard try await ledger.hotSessions([new], messages: 0).isEmpty else { return .exists }
    var last = EntryID.zero
    for start in stride(from: 0, to: changes.count, by: Self.portion) {
      let portion = (start..<min(start + Self.portion, changes.count)).map { index in
        SessionChange(type: changes[index].type, fields: changes[index].fields + ["event_id", "fork-\(index + 1)"])
      }
      do {
        last = try await store.append(portion, to: new, expecting: Int64(start))
      } catch HotRefusal.conflict {
        return .exists
      }
    }
    return .forked(changes: changes.count, last: last)
  }
}
