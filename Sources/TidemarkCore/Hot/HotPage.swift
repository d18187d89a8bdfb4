/// Some of the sessions that one server holds, as they were at one moment.
package struct HotPage: Sendable, Equatable {
  package var sessions: [FoundSession]
  /// The time on the server's clock before the sessions were read, in Unix milliseconds.
  package var now: Int64
  /// Where the search goes on; nil after the last page.
  package var next: HotPlace?

  package init(sessions: [FoundSession] = [], now: Int64, next: HotPlace?) {
    self.sessions = sessions
    self.now = now
    self.next = next
  }
}

/// A session that was found in Redis, and what decides whether it may leave.
package struct FoundSession: Sendable, Equatable {
  package var id: String
  /// The lane of the session's changes, which is on the same server.
  package var lane: String
  /// The time of the session's last change or of its restore, whichever is later, in Unix milliseconds on Redis' clock.
  package var usedAt: Int64
  /// Whether the lane's published mark covers the session's last change.
  package var isDurable: Bool

  package init(id: String, lane: String, usedAt: Int64, isDurable: Bool) {
    self.id = id
    self.lane = lane
    self.usedAt = usedAt
    self.isDurable = isDurable
  }
}
