package import TidemarkCore

extension LogReconciler {
  /// What became of a recorded difference that was to be repaired.
  package struct Repair: Sendable {
    package var number: Int64
    package var entry: EntryID
    /// Nil where Redis does not hold the entry any more.
    package var outcome: LateEntryOutcome?
  }

  /// The number of differences that are repaired together.
  private static let portion = 20

  /// Applies again what Postgres lacks of a lane, by what is recorded, and Redis still holds.
  ///
  /// - Parameter session: only entries of this session; nil: all.
  package func repair(_ lane: Lane, session: String? = nil, report: (Repair) -> Void) async throws {
    var last: Int64 = 0
    while !Task.isCancelled {
      let missing = try await services.ledger.missingEntries(of: lane.record.name, session: session, after: last, limit: Self.portion)
      guard let end = missing.last else { return }
      last = end.number
      var portion: [(number: Int64, block: EntryBlock)] = []
      var bytes = 0
      for (number, entry) in missing {
        guard let block = try await readAlone(entry, of: lane.record.name) else {
          report(Repair(number: number, entry: entry, outcome: nil))
          continue
        }
        // What is large travels alone.
        if bytes + block.footprint > Self.budget { try await apply(&portion, lane, report) }
        portion.append((number, block))
        bytes = portion.reduce(0) { $0 + $1.block.footprint }
      }
      try await apply(&portion, lane, report)
    }
  }

  private func apply(_ portion: inout [(number: Int64, block: EntryBlock)], _ lane: Lane, _ report: (Repair) -> Void) async throws {
    guard !portion.isEmpty else { return }
    let blocks = Dictionary(uniqueKeysWithValues: portion.map { ($0.number, $0.block) })
    let outcomes = try await services.repairer.repair(lane: lane.record.name, portion.map(\.number)) { record, open in
      batch(open.compactMap { blocks[$0] }, for: record, lane.partition)
    }
    for (number, block) in portion {
      report(Repair(number: number, entry: block.entries[0].id, outcome: outcomes?[number]))
    }
    portion = []
  }
}
