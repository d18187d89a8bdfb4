/// What agents ask workers for, as entries of the stream `PREFIX:{N}:requests`.
package enum SessionRequest: Sendable, Equatable {
  /// `op restore session S`: the session is not in Redis.
  case restore(session: String)
  /// `op fork session S as NEW [at ENTRY]`: a new session that begins with the state of another one.
  case fork(session: String, new: String, at: EntryID?)
  /// An entry that is no request; it is removed, and logged with this reason.
  case invalid(String)

  /// The time for which an agent waits for an answer; an older request is removed unanswered.
  package static let patience = Duration.seconds(60)

  /// - Parameter fields: names and values alternating.
  package init(fields: [String]) {
    let values = Dictionary(fields.alternatingPairs.map { ($0.name, $0.value) }) { $1 }
    guard let session = values["session"], Self.isID(session) else {
      self = .invalid("the field session is missing, empty, longer than 256 bytes, or holds NUL")
      return
    }
    switch values["op"] {
    case "restore": self = .restore(session: session)
    case "fork":
      guard let new = values["as"], Self.isID(new), SessionKey(new) != SessionKey(session) else {
        self = .invalid("the field as is missing, or names no new session")
        return
      }
      let entry = values["at"].map { EntryID($0) }
      if case .some(nil) = entry {
        self = .invalid("the field at is no entry id")
      } else {
        self = .fork(session: session, new: new, at: entry ?? nil)
      }
    default: self = .invalid("the field op is none of restore, fork")
    }
  }

  private static func isID(_ text: String) -> Bool { SessionKey.lengths.contains(text.utf8.count) && !text.utf8.contains(0) }
}

/// Some requests of one lane, oldest first.
package struct LaneRequests: Sendable, Equatable {
  /// The partition's lane.
  package var lane: String
  package var entries: [(id: EntryID, request: SessionRequest)]

  package init(lane: String, entries: [(id: EntryID, request: SessionRequest)]) {
    self.lane = lane
    self.entries = entries
  }

  package static func == (left: LaneRequests, right: LaneRequests) -> Bool {
    left.lane == right.lane && left.entries.elementsEqual(right.entries, by: ==)
  }

  /// The sessions to restore, each once.
  package var restores: [String] {
    var seen: Set<SessionKey> = []
    return entries.compactMap { entry in
      guard case .restore(let session) = entry.request, seen.insert(SessionKey(session)).inserted else { return nil }
      return session
    }
  }

  /// Returns the requests but those for the restore of these sessions, which are done, and the ids of the latter.
  package func without(_ restored: some Sequence<String>) -> (rest: LaneRequests, done: [EntryID]) {
    let restored = Set(restored.map { SessionKey($0) })
    var (rest, done) = (LaneRequests(lane: lane, entries: []), [EntryID]())
    for entry in entries {
      if case .restore(let session) = entry.request, restored.contains(SessionKey(session)) {
        done.append(entry.id)
      } else {
        rest.entries.append(entry)
      }
    }
    return (rest, done)
  }

  /// The last entry that a fork takes over; the largest id where one takes over all that there is; nil without forks. An agent asks for a fork
  /// at an entry that it has just written, so what the ledger knows may be older.
  package var lastForked: EntryID? {
    entries.compactMap { entry in
      guard case .fork(_, _, let last) = entry.request else { return nil }
      return last ?? .max
    }.max()
  }

  /// Removes the entries that are older than ``SessionRequest/patience`` at `now`, the time of Redis' clock in Unix milliseconds. Returns their
  /// ids.
  package mutating func removeExpired(now: UInt64) -> [EntryID] {
    let oldest = now - min(now, UInt64(SessionRequest.patience.seconds * 1000))
    let expired = entries.filter { $0.id.ms < oldest }.map(\.id)
    entries.removeAll { $0.id.ms < oldest }
    return expired
  }
}
