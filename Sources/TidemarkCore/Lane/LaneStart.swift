/// Where a lane begins when it has no cursor yet.
package enum LaneStart: Sendable, Equatable {
  case oldest
  case newest
  /// After this entry.
  case after(EntryID)

  /// The first cursor of a lane, and how many entries Redis had added by then (the baseline of the accounting).
  ///
  /// `following` is the number of entries after the id, where the lane starts after one.
  package func begin(_ stream: LaneInspection?, following: UInt64 = 0) -> (position: EntryID, baseline: UInt64) {
    guard let stream else {
      if case .after(let id) = self { return (id, 0) }
      return (.zero, 0)
    }
    switch self {
    case .oldest: return (.zero, stream.entriesAdded - min(stream.length, stream.entriesAdded))
    case .newest: return (stream.lastGeneratedID, stream.entriesAdded)
    case .after(let id): return (id, stream.entriesAdded - min(following, stream.entriesAdded))
    }
  }
}
