/// Where a lane's consumer group shall stand.
package struct LaneMirror: Sendable, Equatable {
  package var lane: String
  package var position: EntryID
  /// Redis' `entries-added` there.
  package var ordinal: UInt64
  /// Whether to make the group where it is missing.
  package var isNew: Bool
  /// The ledger's installation: the group is written only where the prefix bears no other's id.
  package var installation: InstallationID

  /// Never beyond what the stream has: newer servers can't load a snapshot with a group that claims more.
  package init(_ record: LaneRecord, within stream: StreamInfo) {
    self.init(record)
    ordinal = min(ordinal, stream.entriesAdded)
  }

  package init(_ record: LaneRecord) {
    lane = record.name
    position = record.cursor.position
    ordinal = record.ordinal
    isNew = !record.isMirrored
    installation = record.installation
  }
}
