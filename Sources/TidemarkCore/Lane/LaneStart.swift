/// The place where a lane without a cursor begins.
package enum LaneStart: Sendable, Equatable {
  case oldest
  case newest
  /// The lane begins after this entry.
  case after(EntryID)

  /// Returns the first cursor of a lane, and the number of entries that Redis had added by then (the baseline of the accounting).
  ///
  /// A stream that does not exist is read from its first entry, whenever it appears. An id beyond the end of a stream means its end,
  /// because a later entry could otherwise be below the cursor.
  ///
  /// - Parameter following: the number of entries after the id, where the lane begins after one.
  package func begin(_ stream: StreamInfo?, following: UInt64 = 0) -> (position: EntryID, baseline: UInt64) {
    guard let stream else { return (.zero, 0) }
    switch self {
    case .oldest: return (.zero, stream.entriesAdded - min(stream.length, stream.entriesAdded))
    case .newest: return (stream.lastGeneratedID, stream.entriesAdded)
    case .after(let id):
      return (min(id, stream.lastGeneratedID), stream.entriesAdded - min(following, stream.entriesAdded))
    }
  }

  /// Returns the number of entries in the stream that are not read.
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
  /// The text of the start, as it is written in `lanes`.
  package var description: String {
    switch self {
    case .oldest: "oldest"
    case .newest: "newest"
    case .after(let id): "\(id)"
    }
  }

  /// Returns nil for anything but `oldest`, `newest` and an entry id.
  package init?(_ text: String) {
    switch text {
    case "oldest": self = .oldest
    case "newest": self = .newest
    default:
      guard let id = EntryID(text) else { return nil }
      self = .after(id)
    }
  }

  /// Returns where the next incarnation begins in the stream that replaced the one that was read. Entries that have gone from the new
  /// stream since it was found are missing; those that were gone before belong to the baseline.
  package func begin(_ comparison: StreamComparison, after pending: PendingReplacements.Replacement?) -> (
    position: EntryID, baseline: UInt64
  ) {
    var start = begin(comparison.observed.stream)
    // A stream that has this installation's group is an older copy, of which Tidemark trimmed entries; and the stream may have been
    // replaced once more by now.
    guard case .oldest = self, let pending, let stream = comparison.observed.stream, comparison.lane.isMirrored,
      !comparison.observed.hasGroup,
      stream.entriesAdded >= pending.foundAdded
    else { return start }
    start.baseline = min(start.baseline, pending.foundGone)
    return start
  }
}
