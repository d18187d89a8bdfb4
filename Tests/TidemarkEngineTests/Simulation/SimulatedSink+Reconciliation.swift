@testable import TidemarkCore

extension SimulatedSink: ReconciliationLedger, ChangeRepairer {
  func verifiedLanes(_ lanes: [Int32]) async throws -> [VerifiedLane] {
    try await ask { lanes.compactMap { ledger.lane($0) }.map { ledger.verified($0) } }
  }

  func contents(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> LaneContents? {
    try await ask {
      guard let record = ledger.lane(lane) else { return nil }
      let found = ledger.changes(of: record.name, in: range, limit: limit)
      return LaneContents(
        changes: found.count, last: found.last?.id, digest: RangeDigest(of: found.map { ($0.id, $0.digest ?? .none) }),
        fence: record.fence, incarnation: record.incarnation, furthestBefore: ledger.content.furthestBefore[record.name] ?? .zero)
    }
  }

  func changes(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> [StoredChange] {
    try await ask { ledger.lane(lane).map { ledger.changes(of: $0.name, in: range, limit: limit) } ?? [] }
  }

  func traces(of entries: [ExpectedEntry], in lane: Int32) async throws -> [EntryTrace] {
    try await ask {
      let letters = ledger.lane(lane).flatMap { ledger.content.letters[$0.name] } ?? [:]
      return entries.map { entry in
        var trace = EntryTrace()
        trace.isLetter = letters[entry.id].map { $0.contains(entry.digest ?? .none) } ?? false
        return trace
      }
    }
  }

  func record(_ range: ReconciledRange) async throws -> [Divergence] {
    try await ask {
      guard let found = ledger.record(range) else { throw SinkError(.fenced([range.lane]), "fenced") }
      return found
    }
  }

  /// Nothing is repaired here.
  func missingEntries(
    of lane: String, session: String?, after number: Int64, limit: Int
  ) async throws -> [(number: Int64, entry: EntryID)] { [] }

  func repair(
    lane: String, _ numbers: [Int64], make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LateEntryOutcome]? { [:] }
}
