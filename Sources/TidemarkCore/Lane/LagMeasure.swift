/// How far a lane is behind.
package enum LagMeasure {
  /// Entries: what Redis added beyond the cursor. Seconds: the age of the oldest entry that is not committed; 0 when none waits, nil
  /// when it is not known which that is. A stream that does not exist is not behind.
  ///
  /// An id tells when its entry came, unless it is ahead of the clock: a clock that runs ahead, another unit. An entry is at least as old as
  /// the time for which it has been seen to wait, whatever its id says.
  ///
  /// - Parameter waited: for how long at least the oldest entry that is not committed has been seen to wait, see ``BacklogAge``.
  package static func lag(
    _ stream: StreamInfo?, record: LaneRecord, oldestUncommitted: EntryID?, now: UInt64, waited: Duration? = nil
  ) -> LaneLag {
    guard let stream else { return LaneLag(entries: 0, seconds: 0) }
    let entries = Int64(clamping: stream.entriesAdded) - Int64(clamping: record.ordinal)
    guard entries > 0, stream.lastGeneratedID > record.cursor.position else { return LaneLag(entries: 0, seconds: 0) }
    guard let oldest = oldestUncommitted ?? stream.firstID.flatMap({ $0 > record.cursor.position ? $0 : nil }) else {
      return LaneLag(entries: entries, seconds: nil)
    }
    let byID = oldest.ms <= now ? Double(now - oldest.ms) / 1000 : nil
    return LaneLag(entries: entries, seconds: [byID, waited?.seconds].compactMap(\.self).max())
  }
}
