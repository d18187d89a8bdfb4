import Testing

@testable import TidemarkCore

@Suite struct BatchOutcomeTests {
  private static let ephemeral = change("messages.cleared", [["ephemeral", "1"]])
  private static let bad = change("context.set")
  private static let good = change("messages.cleared")

  private static func record(_ id: Int32 = 1, appliedNo: Int64 = 0) -> LaneRecord {
    .named("lane\(id)", id: id, cursor: LaneCursor(position: .zero, appliedNo: appliedNo))
  }

  @Test func `applied entries are numbered without gaps, the others are counted`() {
    let batch = ChangeBatch.of(
      numbered([Self.good, Self.bad, Self.good, Self.ephemeral, Self.good]), record: Self.record(appliedNo: 41))
    let outcome = BatchOutcome(batch)
    #expect(outcome.numbers == [(0, 42), (2, 43), (4, 44)].map { BatchOutcome.Numbered(entry: $0.0, no: $0.1) })
    #expect(outcome.deadLetters.map(\.entry) == [1])
    #expect(outcome.deadLetters.first?.rejection.reason == .missingField)
    let lane = outcome.lanes[0]
    #expect(lane.cursor.position == EntryID(ms: 5, no: 0))
    #expect(lane.cursor.appliedNo == 44)
    #expect(lane.anchor == AnchorDigest(of: batch.blocks[0].entries[4], in: batch.blocks[0]))
    #expect(lane.counts.read == 5)
    #expect(lane.counts.applied == 3)
    #expect(lane.counts.ephemeral == 1)
    #expect(lane.counts.deadLetters == 1)
    #expect(lane.counts.discrepancy == 0)
    #expect(lane.rejected == [DurableMark.Rejection(id: EntryID(ms: 2, no: 0), reason: "missing_field")])
  }

  @Test func `an entry whose id Postgres can't hold is a dead letter and does not count towards a halt`() {
    let odd = [EntryID(ms: 9, no: 1 << 63), EntryID(ms: 1 << 63, no: 0), EntryID(ms: .max, no: .max)]
    let batch = ChangeBatch.of([(EntryID(ms: 9, no: 0), Self.bad)] + odd.map { ($0, Self.good) }, record: Self.record())
    #expect(batch.applied == [])
    let lane = BatchOutcome(batch).lanes[0]
    #expect(lane.counts.deadLetters == 4)
    #expect(lane.counts.discrepancy == 0)
    #expect(lane.cursor.position == odd.last)
    #expect(BatchOutcome(batch).deadLetters.dropFirst().map(\.rejection) == Array(repeating: .unstorableID, count: 3))
    #expect(lane.deadLettersInARow == 1)
    // Entries up to the furthest position may be in Postgres; entries with such ids never are.
    #expect(Self.record().advanced(by: lane).furthest == .zero)
    #expect(LaneRecord.named("a", cursor: lane.cursor).furthest == .zero)
  }

  @Test func `without an answer the dead letters in a row equal those of the answer`() {
    let (good, bad, odd) = (Self.good, Self.bad, EntryID(ms: .max, no: .max))
    let parts: [[[RawField]]] = [
      [bad, bad, bad], [bad, good, bad], [bad, bad, good], [good, bad, bad], [bad, Self.ephemeral, bad], [good], [],
    ]
    for part in parts {
      // The ledger reports the entries that only Postgres refuses; the decoder's rejections are known without it.
      for refused in [nil, part.indices.last, part.indices.first] {
        for oddIDs in 0...1 {
          let entries = numbered(part) + Array(repeating: (odd, good), count: oddIDs)
          guard !entries.isEmpty else { continue }
          let batch = ChangeBatch.of(entries, record: Self.record())
          let outcomes = refused.map { [EntryOutcome(entry: $0, kind: .rejected(Rejection(.constraint, "")))] } ?? []
          let lane = BatchOutcome(batch, outcomes: outcomes).lanes[0]
          let found = batch.deadLettersInARow(
            of: batch.segments[0], rejected: Set(lane.rejected.map(\.id)), made: lane.counts.deadLetters)
          #expect(found == lane.deadLettersInARow, "\(part) \(outcomes)")
        }
      }
    }
  }

  @Test func `without an answer and without the ledger's dead letters, only the batch's own count`() {
    let batch = ChangeBatch.of(numbered([Self.good, Self.bad, Self.bad]), record: Self.record())
    #expect(batch.deadLettersInARow(of: batch.segments[0], rejected: [], made: 2) == 2)
    // The entries were read before, and the ledger had their dead letters.
    #expect(batch.deadLettersInARow(of: batch.segments[0], rejected: Set(batch.entries.map(\.id)), made: 0) == 0)
  }

  @Test func `lost entries are counted, and are part of the entries that Redis had added`() {
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: .init(maxEntryBytes: 1 << 20, replacesNUL: false))
    let gaps = [3, 4].map { LaneGap(after: .zero, before: nil, missing: $0, cause: .trimmed, place: .zero) }
    builder.append(lane: Self.record(), partition: nil, [EntryBlock.of(Self.good).chunk()], gaps: gaps)
    let batch = builder.finish()
    let lane = BatchOutcome(batch).lanes[0]
    #expect(lane.counts.missing == 7)
    #expect(lane.counts.read == 1)
    #expect(batch.lastOrdinal(of: batch.segments[0]) == 8)
  }

  @Test func `every outcome of Postgres is counted under its name`() {
    let batch = ChangeBatch.of(numbered(Array(repeating: Self.good, count: 6)), record: Self.record())
    let rejection = Rejection(.constraint, "no", sqlstate: "23514")
    let outcome = BatchOutcome(
      batch,
      outcomes: [
        EntryOutcome(entry: 0, kind: .reread), EntryOutcome(entry: 1, kind: .divergent), EntryOutcome(entry: 2, kind: .duplicate),
        EntryOutcome(entry: 3, kind: .rejected(rejection)),
      ])
    let counts = outcome.lanes[0].counts
    #expect(counts.read == 5)
    #expect(counts.reread == 1)
    #expect(counts.divergent == 1)
    #expect(counts.duplicates == 1)
    #expect(counts.deadLetters == 1)
    #expect(counts.applied == 2)
    #expect(counts.discrepancy == 0)
    #expect(outcome.divergent == [1])
    #expect(
      outcome.deadLetters == [
        BatchOutcome.Rejected(entry: 1, rejection: .divergent), BatchOutcome.Rejected(entry: 3, rejection: rejection),
      ])
    #expect(outcome.numbers.map(\.entry) == [4, 5])
    #expect(outcome.numbers.map(\.no) == [1, 2])
  }

  @Test func `misrouted entries are counted where they are applied`() {
    let other = SessionPartition(number: 1 - BuiltInLanes(prefix: "t", partitions: 2).partition(ofSession: "s".utf8), count: 2)
    let batch = ChangeBatch.of(numbered([Self.good, Self.bad, Self.good]), partition: other)
    #expect(BatchOutcome(batch).lanes[0].counts.misrouted == 2)
    #expect(BatchOutcome(batch, outcomes: [EntryOutcome(entry: 0, kind: .duplicate)]).lanes[0].counts.misrouted == 1)
  }

  @Test(arguments: [("ggb", 1), ("bbb", 3), ("bbg", 0), ("bgb", 1), ("bbe", 0), ("b", 1), ("gbb", 2)] as [(String, Int)])
  func `dead letters in a row are those at the end`(entries: String, expected: Int) {
    let kinds: [Character: [RawField]] = ["g": Self.good, "b": Self.bad, "e": Self.ephemeral]
    let batch = ChangeBatch.of(numbered(entries.compactMap { kinds[$0] }), record: Self.record())
    #expect(BatchOutcome(batch).lanes[0].deadLettersInARow == expected)
  }

  @Test func `what is written to a forgotten session does not count towards a halt`() {
    let batch = ChangeBatch.of(numbered([Self.good, Self.bad, Self.good]), record: Self.record())
    let outcome = BatchOutcome(batch, outcomes: [EntryOutcome(entry: 2, kind: .rejected(.forgotten))])
    #expect(outcome.lanes[0].counts.deadLetters == 2)
    #expect(outcome.lanes[0].deadLettersInARow == 0)
    #expect(outcome.lanes[0].rejected.last?.reason == "forgotten")
  }

  @Test func `the anchor is the last entry as it came, whatever its outcome, and no setting changes it`() throws {
    for last in [Self.bad, Self.ephemeral, [["type", "note"], ["session", "s"], ["text", "a\0b"]]] {
      let block = EntryBlock.of(numbered([Self.good, last]))
      let expected = try #require(AnchorDigest(of: block.entries[1], in: block))
      for replacesNUL in [false, true] {
        #expect(BatchOutcome(ChangeBatch.of(numbered([Self.good, last]), replacesNUL: replacesNUL)).lanes[0].anchor == expected)
      }
    }
    // An entry that was cut when it was read, or that is large, has no anchor digest.
    var cut = EntryBlock.of(Self.good)
    cut.truncations = [.init(field: 1, length: 9_000, digest: [])]
    #expect(AnchorDigest(of: cut.entries[0], in: cut) == nil)
    let large = EntryBlock.sized([AnchorDigest.most.bytes, AnchorDigest.most.bytes + 1])
    #expect(AnchorDigest(of: large.entries[0], in: large) != nil)
    #expect(AnchorDigest(of: large.entries[1], in: large) == nil)
  }

  @Test func `a dead letter whose position was read before keeps the outcome that Postgres has`() {
    var record = Self.record(appliedNo: 0)
    record.furthest = EntryID(ms: 3, no: 0)
    let batch = ChangeBatch.of(numbered([Self.good, Self.bad, Self.bad, Self.bad]), record: record)
    #expect(batch.entriesThatMayRepeat == [0, 1, 2])
    #expect(batch.entries[1].digest != .none)
    let outcome = BatchOutcome(
      batch, outcomes: [EntryOutcome(entry: 1, kind: .reread), EntryOutcome(entry: 2, kind: .divergent)])
    #expect(outcome.lanes[0].counts.reread == 1)
    #expect(outcome.lanes[0].counts.divergent == 1)
    #expect(outcome.lanes[0].counts.deadLetters == 1)
    #expect(outcome.lanes[0].counts.read == 3)
    #expect(outcome.lanes[0].rejected.map(\.id.ms) == [3, 4])
    #expect(outcome.deadLetters.map(\.entry) == [2, 3])
  }

  @Test func `entries that are read again keep their known outcomes`() {
    var record = Self.record(appliedNo: 0)
    record.furthest = EntryID(ms: 9, no: 0)
    let batch = ChangeBatch.of(numbered([Self.good, Self.good, Self.good, Self.bad, Self.bad, Self.bad]), record: record)
    let refused = EntryOutcome.Kind.rejected(Rejection(.constraint, "no", sqlstate: "23514"))
    let tried = [(0, refused), (1, refused), (2, .divergent)].map { EntryOutcome(entry: $0, kind: $1) }
    func known(_ entry: Int, isSame: Bool = false, isLetter: Bool = false) -> KnownEntry {
      KnownEntry(entry: entry, isSame: isSame, isLetter: isLetter)
    }
    let outcomes = EntryOutcome.all(
      tried,
      known: [
        known(0, isLetter: true), known(2, isLetter: true), known(3, isSame: true),
        known(4), known(5, isLetter: true),
      ], in: batch)
    let kinds = Dictionary(uniqueKeysWithValues: outcomes.map { ($0.entry, $0.kind) })
    guard case .rejected(let bad) = batch.entries[5].disposition, case .rejected(let no) = refused else { return #expect(Bool(false)) }
    #expect(
      kinds == [0: .rereadLetter(no), 1: refused, 2: .rereadLetter(.divergent), 3: .reread, 4: .divergent, 5: .rereadLetter(bad)])
    let outcome = BatchOutcome(batch, outcomes: outcomes)
    #expect(outcome.lanes[0].counts.reread == 4 && outcome.deadLetters.map(\.entry) == [1, 4])
    // Agents are notified again, because Redis may have lost the earlier rejections.
    #expect(outcome.lanes[0].rejected.map(\.id.ms) == [1, 2, 3, 5, 6])
    #expect(EntryOutcome.all(tried, known: [], in: batch) == tried)
  }

  @Test func `an accepted entry and a rejected one have equal digests`() throws {
    let fields: [RawField] = [["type", "note"], ["session", "s"], ["b", "1"], ["a", "x\0y"]]
    var record = Self.record(appliedNo: 0)
    record.furthest = EntryID(ms: 9, no: 0)
    let refused = ChangeBatch.of(numbered([fields]), record: record, replacesNUL: false)
    let accepted = ChangeBatch.of(numbered([fields]), record: record, replacesNUL: true)
    guard case .rejected = refused.entries[0].disposition else { return #expect(Bool(false), "\(refused.entries[0])") }
    #expect(accepted.entries[0].disposition == .apply)
    #expect(refused.entries[0].digest == accepted.entries[0].digest)
  }

  @Test func `each lane has its own outcome, and a batch in two parts has the outcome of the whole`() {
    let entries = numbered([Self.good, Self.bad, Self.good, Self.good, Self.ephemeral, Self.bad, Self.good])
    let whole = BatchOutcome(ChangeBatch.of([(Self.record(1), entries), (Self.record(2, appliedNo: 7), entries)]))
    #expect(whole.lanes.map(\.laneID) == [1, 2])
    #expect(whole.lanes[0].counts == whole.lanes[1].counts)
    #expect(whole.lanes[1].cursor.appliedNo == whole.lanes[0].cursor.appliedNo + 7)
    for cut in 1..<entries.count {
      let first = BatchOutcome(ChangeBatch.of(Array(entries[..<cut]), record: Self.record())).lanes[0]
      let record = Self.record().advanced(by: first)
      let second = BatchOutcome(ChangeBatch.of(Array(entries[cut...]), record: record)).lanes[0]
      #expect(second.cursor == whole.lanes[0].cursor)
      let end = record.advanced(by: second)
      #expect(end.totals == whole.lanes[0].counts)
      #expect(end.ordinal == UInt64(entries.count))
    }
  }
}
