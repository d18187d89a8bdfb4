/// How far a lane is behind.
package enum LagMeasure {
  /// Entries: what Redis added beyond the cursor. Seconds: the age of the oldest entry that is not committed; 0 when none waits, nil
  /// when it is not known which that is. A stream that does not exist is not behind.
  package static func lag(
    _ stream: LaneInspection?, record: LaneRecord, oldestUncommitted: EntryID?, now: UInt64
  ) -> LaneLag {
    guard let stream else { return LaneLag(entries: 0, seconds: 0) }
    let entries = Int64(clamping: stream.entriesAdded) - Int64(clamping: record.ordinal)
    guard entries > 0, stream.lastGeneratedID > record.cursor.position else { return LaneLag(entries: 0, seconds: 0) }
    let oldest = oldestUncommitted ?? stream.firstID.flatMap { $0 > record.cursor.position ? $0 : nil }
    return LaneLag(entries: entries, seconds: oldest.map { Double(now > $0.ms ? now - $0.ms : 0) / 1000 })
  }
}
