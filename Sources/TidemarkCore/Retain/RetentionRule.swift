/// The tables of which the ledger keeps rows only for a time or only a number, as metrics and the log name them.
package enum RetentionTable: String, Sendable, CaseIterable {
  case checkpoints
  case deadLetters = "dead_letters"
  case snapshots
  /// The table `event_ids` together with `earlier_event_ids`.
  case eventIDs = "event_ids"
}

/// The rows that one sweep of a table removes.
package enum RetentionRule: Sendable, Equatable {
  /// Checkpoints that are older than `kept`, except for the newest one of each lane.
  case checkpoints(kept: Duration)
  /// Dead letters of `lanes` that were resolved longer ago than `kept`, except for those whose entry may still be read again.
  case deadLetters(kept: Duration, lanes: [LetterLane])
  /// The snapshots of each session, except for the newest `kept`.
  case snapshots(kept: Int)
  /// Event ids at these positions.
  case eventIDs([Range<Int64>])

  package var table: RetentionTable {
    switch self {
    case .checkpoints: .checkpoints
    case .deadLetters: .deadLetters
    case .snapshots: .snapshots
    case .eventIDs: .eventIDs
    }
  }

  /// Whether it is known beforehand that there is nothing to remove.
  var isVoid: Bool {
    switch self {
    case .checkpoints, .snapshots: false
    case .deadLetters(_, let lanes): lanes.isEmpty
    case .eventIDs(let ranges): ranges.isEmpty
    }
  }
}

/// A lane whose resolved dead letters may be removed, except for those whose entries Redis still holds.
///
/// After a rewind, an entry that is read again is recognised by its dead letter; without the row it would become a second dead letter. So
/// the row stays while the stream holds the entry, however long ago the dead letter was resolved.
package struct LetterLane: Sendable, Equatable {
  package var name: String
  /// The oldest entry that the stream holds; nil where it holds none.
  package var firstHeld: EntryID?

  package init(name: String, firstHeld: EntryID?) {
    self.name = name
    self.firstHeld = firstHeld
  }

  /// Creates the lane from its stream. Returns nil for a stream that can't be inspected: its entries are not known, so all dead letters of
  /// the lane stay.
  package init?(_ name: String, _ stream: StreamExtent) {
    switch stream {
    case .unknown: return nil
    case .absent: self.init(name: name, firstHeld: nil)
    case .present(let first, _): self.init(name: name, firstHeld: first)
    }
  }
}

/// The place at which a sweep continues. Only the ledger that wrote it can read its text.
package struct RetentionPlace: Sendable, Equatable {
  package var text: String

  package init(_ text: String) {
    self.text = text
  }
}

/// The result of a bounded piece of a sweep.
package struct RetentionPiece: Sendable, Equatable {
  package var removed: Int
  /// The place where the sweep continues; nil where it is over.
  package var next: RetentionPlace?

  package init(removed: Int, next: RetentionPlace?) {
    self.removed = removed
    self.next = next
  }
}
