/// What became of a lane's stream behind our back, judged from the counters that Redis keeps of it.
///
/// The arithmetic (DESIGN, "Loss and rewind"): `entries-added` counts every entry that ever came; we know how many of them were read. What
/// is neither read nor still to be read is lost. XTRIM and MAXLEN leave `entries-added` and `max-deleted-entry-id` alone, XDEL raises the
/// latter, and only a stream that is another one, or an older copy of itself, falls behind what was read of it.
package enum StreamVerdict: Sendable, Equatable {
  case sound
  /// These are lost.
  case missing(LaneGap)
  /// Whether something is lost shows when reading has passed an entry.
  case gapCheck(PendingGapCheck)
  /// It is not the stream that was read.
  case replacement(StreamReplacement)

  /// How the entry at the cursor compares with what was read there.
  package enum Anchor: Sendable, Equatable {
    case gone, same, other
    /// It is there, and nothing is known of its content.
    case unknown
  }

  /// Nothing of the lane may be on its way from Redis when the snapshot is made.
  package init(_ lane: ExpectedStream, _ observed: ObservedStream, anchor: Anchor) {
    guard let stream = observed.stream else {
      self =
        max(lane.readOrdinal, lane.knownAdded) == 0
        ? .sound : .replacement(lane.replacement(observed.evictedKeys > 0 ? .evicted : .flushed))
      return
    }
    let isAnotherStream = lane.isMirrored && !observed.hasGroup
    // With our group in it it is an older copy of the stream that was read.
    let unlike: LaneGap.Cause = lane.isMirrored && observed.hasGroup ? .rewound : .recreated
    if stream.entriesAdded < max(lane.readOrdinal, lane.knownAdded) || lane.hasRead && stream.lastGeneratedID < lane.readPosition {
      self = .replacement(lane.replacement(isAnotherStream ? .recreated : .rewound))
    } else if lane.hasRead, isAnotherStream {
      // Also where the cursor's entry is there: it may have been read from the other stream before anybody looked.
      self = .replacement(lane.replacement(.recreated))
    } else if lane.hasRead, anchor == .other {
      self = .replacement(lane.replacement(.rewound))
    } else if lane.hasRead, anchor == .gone, Self.standsBefore(lane, stream) {
      self = .replacement(lane.replacement(unlike))
    } else {
      self = Self.counted(lane, stream, unlike: unlike)
    }
  }

  /// Entries stand before a cursor's entry that is gone, and XDEL did not take it. Trimming takes the oldest first: these are another stream's,
  /// whose writers' clocks are behind, or an older copy's that was written to again.
  private static func standsBefore(_ lane: ExpectedStream, _ stream: StreamInfo) -> Bool {
    guard let first = stream.firstID else { return false }
    return first < lane.cursor && stream.maxDeletedID < lane.cursor
  }

  /// Whether it is certain that this stream is the one that was read: only then may anything of it be removed.
  package static func isSame(_ lane: ExpectedStream, _ observed: ObservedStream, anchor: Anchor) -> Bool {
    anchor == .same || anchor == .unknown || lane.isMirrored && observed.hasGroup
  }

  /// - Parameter unlike: why it is not the stream that was read, where the counters say so.
  private static func counted(_ lane: ExpectedStream, _ stream: StreamInfo, unlike: LaneGap.Cause) -> StreamVerdict {
    let unread = stream.entriesAdded - lane.readOrdinal
    let first = stream.firstID.flatMap { $0 > lane.readPosition ? $0 : nil }
    let isAtEnd =
      stream.length == 0 || stream.lastGeneratedID <= lane.readPosition || stream.lastID.map { $0 <= lane.readPosition } ?? false
    guard isAtEnd || first != nil else {
      // There is something to read, and nothing was added beyond what was read.
      guard unread > 0 else { return .replacement(lane.replacement(unlike)) }
      return .gapCheck(
        PendingGapCheck(
          entry: stream.lastGeneratedID, added: stream.entriesAdded, since: lane.countedPosition, maxDeletedID: stream.maxDeletedID))
    }
    let toRead = isAtEnd ? 0 : stream.length
    // More to read than was ever added beyond what was read: it began anew, and has grown past us.
    guard toRead <= unread else { return .replacement(lane.replacement(unlike)) }
    guard unread > toRead else { return .sound }
    return .missing(
      LaneGap(
        after: lane.countedPosition, before: bound(lane, stream, first), missing: Int(clamping: unread - toRead),
        cause: stream.maxDeletedID > lane.countedPosition ? .deleted : .trimmed, place: lane.readPosition))
  }

  /// The first entry that is known to be behind all that are missing. Trimming takes what is before the first entry; XDEL may have taken any up
  /// to its furthest.
  private static func bound(_ lane: ExpectedStream, _ stream: StreamInfo, _ first: EntryID?) -> EntryID? {
    guard let first else { return stream.lastGeneratedID == lane.readPosition ? lane.readPosition : nil }
    if stream.maxDeletedID < first { return first }
    return stream.lastID.flatMap { stream.maxDeletedID < $0 ? $0 : nil }
  }
}

extension ExpectedStream {
  fileprivate func replacement(_ cause: LaneGap.Cause) -> StreamReplacement {
    StreamReplacement(cause, atLeast: knownAdded > readOrdinal ? knownAdded - readOrdinal : 0)
  }
}
