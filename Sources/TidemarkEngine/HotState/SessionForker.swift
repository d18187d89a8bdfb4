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

  /// The field that is written last, so that it tells a whole fork from one under way.
  package static let mark = "meta.fork"
  /// The number of changes that are written in one atomic step, and their bytes.
  private static let portion = (changes: 2_000, bytes: 8 << 20)

  private let ledger: any HotStateLedger
  private let store: any HotStore

  package init(ledger: any HotStateLedger, store: any HotStore) {
    self.ledger = ledger
    self.store = store
  }

  /// A fork that was interrupted may be repeated: each change has an event id that follows from its number.
  ///
  /// - Parameter entry: the last entry that the new session takes over; nil: all that is committed.
  /// - Throws: ``HotRefusal``, ``SourceError``, ``SinkError``.
  package func fork(_ session: String, at entry: EntryID?, as new: String) async throws -> Outcome {
    var changes = try await ledger.forkChanges(of: session, at: entry)
    guard !changes.isEmpty else { return .unknown }
    if let known = try await ledger.hotSessions([new], messages: 0).first, !Self.isPart(known, of: session) { return .exists }
    changes.append(SessionChange(type: "session.updated", fields: [Self.mark, entry.map { "\"\($0)\"" } ?? "true"]))
    var last = EntryID.zero
    var done = 0
    while done < changes.count {
      var portion: [SessionChange] = []
      var bytes = 0
      while done + portion.count < changes.count, portion.count < Self.portion.changes, portion.isEmpty || bytes < Self.portion.bytes {
        var change = changes[done + portion.count]
        change.fields += ["event_id", "fork-\(done + portion.count + 1)"]
        bytes += change.fields.reduce(0) { $0 + $1.utf8.count }
        portion.append(change)
      }
      do {
        last = try await store.append(portion, to: new, expecting: Int64(done))
      } catch HotRefusal.conflict {
        return .exists
      } catch HotRefusal.eventIDReused {
        return .exists
      }
      done += portion.count
    }
    return .forked(changes: changes.count, last: last)
  }

  /// Whether a session is what an interrupted fork of another one has left.
  private static func isPart(_ known: HotSession, of session: String) -> Bool {
    let pairs = known.fields.alternatingPairs
    let isOfSession = pairs.contains { $0.name == "parent" && SessionKey($0.value) == SessionKey(session) }
    return isOfSession && !pairs.contains { $0.name == mark }
  }
}
