/// What a batch comes to, once it is known which of its entries are applied: the lanes' new cursors and what was counted.
package struct BatchOutcome: Sendable, Equatable {
  package struct Lane: Sendable, Equatable {
    package var laneID: Int32
    package var cursor: LaneCursor
    /// Digest of the cursor's own entry; nil when it is too large for one.
    package var anchor: AnchorDigest?
    package var counts: LaneCounts
    package var rejected: [DurableMark.Rejection]
    /// Dead letters since the last entry that was none.
    package var deadLettersInARow = 0
  }

  package struct Rejected: Sendable, Equatable {
    /// Index into the batch's entries.
    package var entry: Int
    package var rejection: Rejection
  }

  package struct Numbered: Sendable, Equatable {
    /// Index into the batch's entries.
    package var entry: Int
    package var no: Int64
  }

  package var lanes: [Lane] = []
  /// Entries to be kept as they came, with the reason.
  package var deadLetters: [Rejected] = []
  /// Those of them whose position holds another content already; they count as divergent, not among the dead letters.
  package var divergent: [Int] = []
  /// For each applied entry, in order, its number in the audit trail; entries that are not applied are left out.
  package var numbers: [Numbered] = []

  /// Settles a batch of which everything is applied but what `outcomes` name.
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
    // That its id can't be stored says nothing of the content: a halt would help nobody, for all that follow are like it.
    let counts = batch.entries[index].id.fitsLedger
    defer {
      if counts { lane.deadLettersInARow = lane.counts.deadLetters > deadLettersBefore ? lane.deadLettersInARow + 1 : 0 }
    }
    switch (batch.entries[index].disposition, outcome) {
    case (.ephemeral, _): lane.counts.ephemeral += 1
    case (.rejected, .reread), (.apply, .reread):
      // Read before, so only counted here.
      lane.counts.read -= 1
      lane.counts.reread += 1
    case (.rejected, .rereadLetter(let rejection)), (.apply, .rereadLetter(let rejection)):
      lane.counts.read -= 1
      lane.counts.reread += 1
      // Redis may have forgotten it with the stream that was read before.
      lane.rejected.append(DurableMark.Rejection(id: batch.entries[index].id, reason: rejection.reason.rawValue))
    case (.rejected, .divergent), (.apply, .divergent):
      lane.counts.divergent += 1
      divergent.append(index)
      // Its content is in no table: kept as a dead letter's is, and its writer is told.
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
      SealChain.extend(&lane.cursor.seal, by: batch.entries[index].digest)
      numbers.append(Numbered(entry: index, no: lane.cursor.appliedNo))
    }
  }
}

extension Rejection {
  /// Of an entry whose position holds another content.
  package static let divergent = Rejection(.idReused, "the entry id was used before, for another content, which is in Postgres")
}
