/// What agents are told of one lane after a commit.
package struct DurableMark: Sendable, Equatable {
  package var lane: String
  /// The last entry whose outcome is committed.
  package var durable: EntryID
  package var incarnation: Int64
  /// Dead letters of the batch: entry and reason.
  package var rejected: [Rejection]
  /// The installation of the ledger that committed it: told only where the prefix bears no other's id.
  package var installation: InstallationID
  /// The stream does not exist any more, and its end is recorded. The mark of a lane that is not built in is removed then, or marks of
  /// streams that come and go would only become more.
  package var isGone: Bool

  package struct Rejection: Sendable, Equatable {
    package var id: EntryID
    package var reason: String

    package init(id: EntryID, reason: String) {
      self.id = id
      self.reason = reason
    }
  }

  package init(
    lane: String, durable: EntryID, incarnation: Int64, rejected: [Rejection], installation: InstallationID = .unknown, isGone: Bool = false
  ) {
    self.lane = lane
    self.durable = durable
    self.incarnation = incarnation
    self.rejected = rejected
    self.installation = installation
    self.isGone = isGone
  }
}
