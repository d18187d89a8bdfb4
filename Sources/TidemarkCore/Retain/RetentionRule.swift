/// The tables of which the ledger keeps rows only for a time or only so many, as metrics and the log name them.
package enum RetentionTable: String, Sendable, CaseIterable {
  case checkpoints
  case deadLetters = "dead_letters"
  case snapshots
  /// With `earlier_event_ids`.
  case eventIDs = "event_ids"
}

/// What one sweep over a table removes.
package enum RetentionRule: Sendable, Equatable {
  /// Checkpoints that are older than this, but never the newest one of a lane.
  case checkpoints(kept: Duration)
  /// Dead letters of these lanes that were resolved longer ago than this, but never one whose entry may still be read again.
  case deadLetters(kept: Duration, lanes: [LetterLane])
  /// Of each session all snapshots but so many of the newest.
  case snapshots(kept: Int)
  /// Producers' ids of these positions.
  case eventIDs([Range<Int64>])

  package var table: RetentionTable {
    switch self {
    case .checkpoints: .checkpoints
    case .deadLetters: .deadLetters
    case .snapshots: .snapshots
    case .eventIDs: .eventIDs
    }
  }

  /// Whether it is known beforehand that nothing is to be removed.
  var isVoid: Bool {
    switch self {
    case .checkpoints, .snapshots: false
    case .deadLetters(_, let lanes): lanes.isEmpty
    case .eventIDs(let ranges): ranges.isEmpty
    }
  }
}

/// A lane whose resolved dead letters may be removed, as far as Redis does not hold their entries any more.
///
/// An entry that is read again, after a rewind, is known by its dead letter. Without the row it would become another dead letter. So the row
/// stays while the stream holds the entry, however long ago it was resolved.
package struct LetterLane: Sendable, Equatable {
  package var name: String
  /// The oldest entry that the stream holds; nil where it holds none.
  package var firstHeld: EntryID?

  package init(name: String, firstHeld: EntryID?) {
    self.name = name
    self.firstHeld = firstHeld
  }

  /// Nil for a stream that can't be inspected: nobody can say what it holds, so all of its lane's dead letters stay.
  package init?(_ name: String, _ stream: StreamExtent) {
    switch stream {
    case .unknown: return nil
    case .absent: self.init(name: name, firstHeld: nil)
    case .present(let first, _): self.init(name: name, firstHeld: first)
    }
  }
}

/// Where a sweep goes on. Only the ledger that wrote it reads its text.
package struct RetentionPlace: Sendable, Equatable {
  package var text: String

  package init(_ text: String) {
    self.text = text
  }
}

/// What became of a bounded piece of a sweep.
package struct RetentionPiece: Sendable, Equatable {
  package var removed: Int
  /// Nil where the sweep is over.
  package var next: RetentionPlace?

  package init(removed: Int, next: RetentionPlace?) {
    self.removed = removed
    self.next = next
  }
}
