/// The position at which a lane's consumer group must be.
package struct LaneMirror: Sendable, Equatable {
  package var lane: String
  package var position: EntryID
  /// The value of Redis' `entries-added` at the position.
  package var ordinal: UInt64
  /// Whether to create the group where it is missing.
  package var isNew: Bool
  /// The ledger's installation. The group is written only where the prefix has no other installation's id.
  package var installation: InstallationID

  /// Creates the mirror of a lane. It is never beyond the stream's counter, because newer servers can't load a snapshot with a group that
  /// claims more entries.
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
