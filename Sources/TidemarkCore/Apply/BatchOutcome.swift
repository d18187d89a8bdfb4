/// The result of a batch, once it is known which of its entries are applied: the lanes' new cursors and counts.
package struct BatchOutcome: Sendable, Equatable {
  package struct Lane: Sendable, Equatable {
    package var laneID: Int32
    package var cursor: LaneCursor
    /// The digest of the cursor's own entry; nil when the entry is too large for one.
    package var anchor: AnchorDigest?
    package var counts: LaneCounts
    package var rejected: [DurableMark.Rejection]
    /// The number of dead letters since the last entry that is not a dead letter.
    package var deadLettersInARow = 0
  }

  package struct Rejected: Sendable, Equatable {
    /// The index of the entry in the batch.
    package var entry: Int
    package var rejection: Rejection
  }

  package struct Numbered: Sendable, Equatable {
    /// The index of the entry in the batch.
    package var entry: Int
    package var no: Int64
  }

  package var lanes: [Lane] = []
  /// The entries to be kept as they came, with the reason.
  package var deadLetters: [Rejected] = []
  /// Those of ``deadLetters`` whose position already holds another content. They count as divergent, not as dead letters.
  package var divergent: [Int] = []
  /// The number in the audit trail of each applied entry, in order. Entries that are not applied are left out.
  package var numbers: [Numbered] = []

  /// Computes the outcome of a batch of which every entry is applied except for those that `outcomes` name.
  package init(_ batch: ChangeBatch, outcomes: [EntryOutcome] = []) {
    numbers.reserveCapacity(batch.entries.count)
    let byEntry = Dictionary(outcomes.map { ($0.entry, $0.kind) }, uniquingKeysWith: { first, _ in first })
    for segment in batch.segments {
      var lane = Lane(laneID: segment.laneID, cursor: segment.before, anchor: segment.anchorAfter, counts: LaneCounts(), rejected: [])
      lane.cursor.position = batch.lastID(of: segment)
      lane.counts.read = segment.entries.count
      for index in segment.entries { settle(index, of: batch, byEntry.isEmpty ? nil : byEntry[index], &lane) }
      lane.counts.missing = segment.missing
      lanes.append(lane)
    }
  }

  private mutating func settle(_ index: Int, of batch: ChangeBatch, _ outcome: EntryOutcome.Kind?, _ lane: inout Lane) {
    let deadLettersBefore = lane.counts.deadLetters
    // An id that can't be stored says nothing about the content. A halt would not help: all later ids of the stream are like it.
    let counts = batch.entries[index].id.fitsLedger
    // An agent that goes on writing to a session that was forgotten is no sign that something else is wrong.
    let isForgotten = outcome == .rejected(.forgotten)
    defer {
      if counts {
        lane.deadLettersInARow = lane.counts.deadLetters > deadLettersBefore && !isForgotten ? lane.deadLettersInARow + 1 : 0
      }
    }
    switch (batch.entries[index].disposition, outcome) {
    case (.ephemeral, _): lane.counts.ephemeral += 1
    case (.rejected, .reread), (.apply, .reread):
      // The entry was read before, so it only counts as read again.
      lane.counts.read -= 1
      lane.counts.reread += 1
    case (.rejected, .rereadLetter(let rejection)), (.apply, .rereadLetter(let rejection)):
      lane.counts.read -= 1
      lane.counts.reread += 1
      // Redis may have forgotten the dead letter together with the stream that was read before.
      lane.rejected.append(DurableMark.Rejection(id: batch.entries[index].id, reason: rejection.reason.rawValue))
    case (.rejected, .divergent), (.apply, .divergent):
      lane.counts.divergent += 1
      divergent.append(index)
      // The content is in no table, so it is kept like a dead letter's, and its writer is notified.
      lane.rejected.append(DurableMark.Rejection(id: batch.entries[index].id, reason: Rejection.divergent.reason.rawValue))
      deadLetters.append(Rejected(entry: index, rejection: .divergent))
    case (.rejected(let rejection), _), (.apply, .rejected(let rejection)):
      lane.counts.deadLetters += 1
      lane.rejected.append(DurableMark.Rejection(id: batch.entries[index].id, reason: rejection.reason.rawValue))
      deadLetters.append(Rejected(entry: index, rejection: rejection))
    case (.apply, .duplicate): lane.counts.duplicates += 1
    case (.apply, nil):
      lane.counts.applied += 1
      lane.counts.misrouted += batch.entries[index].isMisrouted ? 1 : 0
      lane.cursor.appliedNo += 1
      numbers.append(Numbered(entry: index, no: lane.cursor.appliedNo))
    }
  }
}

extension Rejection {
  /// The rejection of an entry whose position holds another content.
  package static let divergent = Rejection(.idReused, "the entry id was used before, for another content, which is in Postgres")
}
