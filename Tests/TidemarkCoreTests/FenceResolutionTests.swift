import Testing

@testable import TidemarkCore

@Suite struct FenceResolutionTests {
  private static func record(_ id: Int32, _ change: (inout LaneRecord) -> Void = { _ in }) -> LaneRecord {
    var record = LaneRecord.named("lane\(id)", id: id, fence: 7)
    record.cursor.position = EntryID(ms: 5, no: 0)
    record.cursor.appliedNo = 3
    record.ordinal = 9
    change(&record)
    return record
  }

  private static func batch() -> ChangeBatch {
    let entry = (id: EntryID(ms: 6, no: 0), fields: [["type", "messages.cleared"], ["session", "s"]] as [RawField])
    return ChangeBatch.of([(record(1), [entry]), (record(2), [entry])])
  }

  private static func resolution(_ fenced: [Int32], _ records: [LaneRecord]) -> FenceResolution {
    FenceResolution(batch(), fenced: fenced, records)
  }

  @Test func `a lane whose audit trail alone has grown is numbered anew`() {
    let grown = Self.record(1) { $0.cursor.appliedNo = 8 }
    #expect(Self.resolution([1], [grown]) == .renumber([grown]))
    #expect(Self.resolution([1], [grown, Self.record(2)]) == .renumber([grown]))
  }

  @Test func `a lane that has another owner, or that was moved, is lost`() {
    let others: [(inout LaneRecord) -> Void] = [
      { $0.fence += 1 }, { $0.incarnation += 1 }, { $0.cursor.position = EntryID(ms: 6, no: 0) }, { $0.ordinal += 1 },
      { $0.cursor.appliedNo -= 4 },
    ]
    for other in others {
      let moved = Self.record(1) {
        $0.cursor.appliedNo = 4
        other(&$0)
      }
      #expect(Self.resolution([1], [moved]) == .lost([1]))
      let grown = Self.record(2) { $0.cursor.appliedNo = 4 }
      #expect(Self.resolution([1, 2], [moved, grown]) == .lost([1]))
    }
    #expect(Self.resolution([1], []) == .lost([1]))
    // The lane is fenced although nothing has changed; another attempt would never succeed.
    #expect(Self.resolution([1], [Self.record(1)]) == .lost([1]))
    #expect(Self.resolution([9], [Self.record(1)]) == .lost([9]))
  }

  @Test func `the later entries of a lane are numbered from the end of its audit trail`() {
    let entries = (1...3).map { number in
      EntryBlock(id: EntryID(ms: UInt64(5 + number), no: 0), raw: ["type", "messages.cleared", "session", "s"].map { Array($0.utf8) })
    }
    let chunks = entries.enumerated().map { LaneChunk(block: $1, blockID: $0, entries: 0..<1) }
    var plan = CommitPlan([
      LaneScheduler.Work.Part(record: Self.record(1), profile: .stream("lane"), chunks: chunks, gaps: [], ownership: 1),
      LaneScheduler.Work.Part(record: Self.record(2), profile: .stream("lane"), chunks: chunks, gaps: [], ownership: 2),
    ])
    plan.bisect()
    let grown = Self.record(1) { $0.cursor.appliedNo = 11 }
    plan.renumber([grown])
    var numbers: [Int64] = []
    while let step = plan.current {
      numbers += step.parts.map(\.record.cursor.appliedNo)
      plan.committed([])
    }
    #expect(numbers == [11, 11, 11, 3, 3, 3])
  }
}
