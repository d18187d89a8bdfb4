/// The mark of one lane that is published to agents after a commit.
package struct DurableMark: Sendable, Equatable {
  package var lane: String
  /// The last entry whose outcome is committed.
  package var durable: EntryID
  package var incarnation: Int64
  /// The dead letters of the batch: entry and reason.
  package var rejected: [Rejection]
  /// The installation of the ledger that made the commit. The mark is published only where the prefix has no other installation's id.
  package var installation: InstallationID
  /// Whether the stream does not exist any more and its end is recorded. The mark of a lane in the shared hash is then removed, because
  /// marks of streams that come and go would accumulate.
  package var isGone: Bool
  /// Whether the lane was compared with its stream for this publication. Any other mark may only follow an earlier one: where Redis has none,
  /// it may have lost all its data a moment ago, and new entries below the mark would be called durable. Of a mark that Redis has: whether the
  /// lane was compared since the server's data was last taken over from another server.
  package var isSurveyed: Bool

  package struct Rejection: Sendable, Equatable {
    package var id: EntryID
    package var reason: String

    package init(id: EntryID, reason: String) {
      self.id = id
      self.reason = reason
    }
  }

  package init(
    lane: String, durable: EntryID, incarnation: Int64, rejected: [Rejection], installation: InstallationID = .unknown,
    isGone: Bool = false, isSurveyed: Bool = true
  ) {
    self.lane = lane
    self.durable = durable
    self.incarnation = incarnation
    self.rejected = rejected
    self.installation = installation
    self.isGone = isGone
    self.isSurveyed = isSurveyed
  }
}
