/// The result of comparing a lane's stream with what was read of it, judged from Redis' counters.
///
/// The arithmetic (DESIGN, "Loss and rewind"): `entries-added` counts every entry that was ever added, and the number of entries read is
/// known. An entry that is neither read nor still to be read is lost. XTRIM and MAXLEN leave `entries-added` and `max-deleted-entry-id`
/// unchanged, XDEL raises the latter, and only a stream that was replaced, by another one or by an older copy, has fewer entries added than
/// were read.
package enum StreamVerdict: Sendable, Equatable {
  case sound
  /// Entries are lost.
  case missing(LaneGap)
  /// Whether entries are lost is known once the reader has passed an id.
  case gapCheck(PendingGapCheck)
  /// The stream is not the one that was read.
  case replacement(StreamReplacement)

  /// The result of comparing the entry at the cursor with the entry that was read there.
  package enum Anchor: Sendable, Equatable {
    case gone, same, other
    /// The entry is there, and its content is not known.
    case unknown
  }

  /// Judges a stream. No reply with entries of the lane may be under way from Redis when the stream is observed.
  package init(_ lane: ExpectedStream, _ observed: ObservedStream, anchor: Anchor) {
    guard let stream = observed.stream else {
      self =
        max(lane.readOrdinal, lane.knownAdded) == 0
        ? .sound : .replacement(lane.replacement(observed.evictedKeys > 0 ? .evicted : .flushed))
      return
    }
    let isAnotherStream = lane.isMirrored && !observed.hasGroup
    // A stream that has this installation's group is an older copy of the stream that was read.
    let unlike: LaneGap.Cause = lane.isMirrored && observed.hasGroup ? .rewound : .recreated
    if stream.entriesAdded < max(lane.readOrdinal, lane.knownAdded) || lane.hasRead && stream.lastGeneratedID < lane.readPosition {
      self = .replacement(lane.replacement(isAnotherStream ? .recreated : .rewound))
    } else if lane.hasRead, isAnotherStream {
      // The finding holds even if the cursor's entry is there: it may have been read from the new stream before the replacement was found.
      self = .replacement(lane.replacement(.recreated))
    } else if lane.hasRead, anchor == .other {
      self = .replacement(lane.replacement(.rewound))
    } else if lane.hasRead, anchor == .gone, Self.hasEntriesBefore(lane, stream) {
      self = .replacement(lane.replacement(unlike))
    } else {
      self = Self.counted(lane, stream, unlike: unlike)
    }
  }

  /// Returns whether there are entries before a cursor's entry that is gone and that XDEL did not remove. Trimming removes the oldest
  /// entries first, so such entries belong to another stream, whose writers' clocks are behind, or to an older copy that was written to
  /// again.
  private static func hasEntriesBefore(_ lane: ExpectedStream, _ stream: StreamInfo) -> Bool {
    guard let first = stream.firstID else { return false }
    return first < lane.cursor && stream.maxDeletedID < lane.cursor
  }

  /// Returns whether it is certain that this stream is the one that was read. Entries may be removed from it only then.
  package static func isSame(_ lane: ExpectedStream, _ observed: ObservedStream, anchor: Anchor) -> Bool {
    anchor == .same || anchor == .unknown || lane.isMirrored && observed.hasGroup
  }

  /// - Parameter unlike: the cause to report where the counters show that the stream is not the one that was read.
  private static func counted(_ lane: ExpectedStream, _ stream: StreamInfo, unlike: LaneGap.Cause) -> StreamVerdict {
    let unread = stream.entriesAdded - lane.readOrdinal
    let first = stream.firstID.flatMap { $0 > lane.readPosition ? $0 : nil }
    let isAtEnd =
      stream.length == 0 || stream.lastGeneratedID <= lane.readPosition || stream.lastID.map { $0 <= lane.readPosition } ?? false
    guard isAtEnd || first != nil else {
      // There are entries to read, although none was added beyond those that were read.
      guard unread > 0 else { return .replacement(lane.replacement(unlike)) }
      return .gapCheck(
        PendingGapCheck(
          entry: stream.lastGeneratedID, added: stream.entriesAdded, since: lane.countedPosition, maxDeletedID: stream.maxDeletedID))
    }
    let toRead = isAtEnd ? 0 : stream.length
    // There are more entries to read than were ever added beyond those that were read: the stream began anew and has grown beyond the
    // cursor.
    guard toRead <= unread else { return .replacement(lane.replacement(unlike)) }
    guard unread > toRead else { return .sound }
    return .missing(
      LaneGap(
        after: lane.countedPosition, before: bound(lane, stream, first), missing: Int(clamping: unread - toRead),
        cause: stream.maxDeletedID > lane.countedPosition ? .deleted : .trimmed, place: lane.readPosition))
  }

  /// Returns the first entry that is known to be behind all missing entries. Trimming removes the entries before the first one; XDEL may
  /// have removed any up to `max-deleted-entry-id`.
  private static func bound(_ lane: ExpectedStream, _ stream: StreamInfo, _ first: EntryID?) -> EntryID? {
    guard let first else { return stream.lastGeneratedID == lane.readPosition ? lane.readPosition : nil }
    if stream.maxDeletedID < first { return first }
    return stream.lastID.flatMap { stream.maxDeletedID < $0 ? $0 : nil }
  }
}

extension ExpectedStream {
  fileprivate func replacement(_ cause: LaneGap.Cause) -> StreamReplacement {
    StreamReplacement(cause, atLeast: knownAdded > readOrdinal ? knownAdded - readOrdinal : 0, after: countedPosition)
  }
}
