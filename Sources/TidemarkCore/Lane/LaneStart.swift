/// Where a lane begins when it has no cursor yet.
package enum LaneStart: Sendable, Equatable {
  case oldest
  case newest
  /// After this entry.
  case after(EntryID)

  /// The first cursor of a lane, and how many entries Redis had added by then (the baseline of the accounting).
  ///
  /// `following` is the number of entries after the id, where the lane starts after one.
  /// A stream that does not exist is read from its first entry, whenever it appears; and an id beyond the end of a stream means its end, or what is
  /// written next could be below the cursor.
  package func begin(_ stream: StreamInfo?, following: UInt64 = 0) -> (position: EntryID, baseline: UInt64) {
    guard let stream else { return (.zero, 0) }
    switch self {
    case .oldest: return (.zero, stream.entriesAdded - min(stream.length, stream.entriesAdded))
    case .newest: return (stream.lastGeneratedID, stream.entriesAdded)
    case .after(let id):
      return (min(id, stream.lastGeneratedID), stream.entriesAdded - min(following, stream.entriesAdded))
    }
  }

  /// How many entries that are in the stream are not read.
  package func skipped(_ stream: StreamInfo?, following: UInt64 = 0) -> UInt64 {
    guard let stream else { return 0 }
    switch self {
    case .oldest: return 0
    case .newest: return stream.length
    case .after: return stream.length - min(following, stream.length)
    }
  }
}

extension LaneStart: CustomStringConvertible {
  /// As it is written in `lanes`.
  package var description: String {
    switch self {
    case .oldest: "oldest"
    case .newest: "newest"
    case .after(let id): "\(id)"
    }
  }

  /// Where the next incarnation begins in the stream that replaced the one that was read. What has gone from it since it was found is missing,
  /// and not what came before the start.
  package func begin(_ comparison: StreamComparison, after pending: PendingReplacements.Replacement?) -> (
    position: EntryID, baseline: UInt64
  ) {
    var start = begin(comparison.observed.stream)
    // With our group in it, it is an older copy of ours, of which we trimmed; and it may be a third one by now.
    guard case .oldest = self, let pending, let stream = comparison.observed.stream, comparison.lane.isMirrored,
      !comparison.observed.hasGroup,
      stream.entriesAdded >= pending.foundAdded
    else { return start }
    start.baseline = min(start.baseline, pending.foundGone)
    return start
  }
}
