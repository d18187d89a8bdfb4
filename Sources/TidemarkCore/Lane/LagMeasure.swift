/// Measures how far a lane is behind its stream.
package enum LagMeasure {
  /// Returns the lag. The entries are those that Redis added beyond the cursor; the seconds are the age of the oldest uncommitted entry, 0
  /// when none waits, and nil when that entry is not known. A stream that does not exist has no lag.
  ///
  /// An id gives the time of its entry, unless it is ahead of the clock: the producer's clock runs ahead, or the id is in another unit.
  /// Whatever its id, an entry is at least as old as the time for which it was seen to wait.
  ///
  /// - Parameter waited: the shortest time for which the oldest uncommitted entry has waited, see ``BacklogAge``.
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
