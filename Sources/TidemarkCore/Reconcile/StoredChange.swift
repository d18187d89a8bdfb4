/// A row of the audit trail, as far as a comparison needs it.
package struct StoredChange: Sendable, Equatable {
  package var id: EntryID
  package var digest: ContentDigest?
  package var session: String?
  package var epoch: Int64?
  package var seq: Int64?

  package init(id: EntryID, digest: ContentDigest?, session: String? = nil, epoch: Int64? = nil, seq: Int64? = nil) {
    self.id = id
    self.digest = digest
    self.session = session
    self.epoch = epoch
    self.seq = seq
  }
}

/// What Postgres has of a range of a lane, and where the lane stands there.
package struct LaneContents: Sendable, Equatable {
  /// The number of changes; of all sessions, also where only one is compared.
  package var changes: Int
  /// The last change; nil where there is none.
  package var last: EntryID?
  /// The digest of the changes that are compared.
  package var digest: RangeDigest
  package var fence: Int64
  package var incarnation: Int64
  /// The furthest position of the incarnations before the present one.
  package var furthestBefore: EntryID

  package init(changes: Int, last: EntryID?, digest: RangeDigest, fence: Int64, incarnation: Int64, furthestBefore: EntryID) {
    self.changes = changes
    self.last = last
    self.digest = digest
    self.fence = fence
    self.incarnation = incarnation
    self.furthestBefore = furthestBefore
  }
}

/// What the ledger knows of an entry for which the audit trail has no row with its digest.
package struct EntryTrace: Sendable, Equatable {
  /// Whether the entry is a dead letter that was not replayed.
  package var isLetter = false
  /// Whether the entry's event id was claimed at its own position: it was applied.
  package var isOwnID = false
  /// Whether another entry within the window claimed the event id, with the same content.
  package var isSameID = false
  /// Whether another entry within the window claimed the event id, with another content.
  package var isOtherID = false
  /// Whether the entry is young enough for its own claim to be known.
  package var isCertain = true
  /// Whether an entry whose claim may be forgotten has the event id.
  package var isForgottenID = false

  package init() {}
}
