package import TidemarkCore

/// Repairs as another repairer does, and waits for locks that others hold: for commands, which have nothing else to do.
package struct PatientRepairer: ChangeRepairer {
  private let repairer: PostgresReplayer

  package init(_ repairer: PostgresReplayer) {
    self.repairer = repairer
  }

  package func repair(
    lane: String, _ numbers: [Int64], make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LateEntryOutcome]? {
    try await PostgresReplayer.patiently { try await repairer.repair(lane: lane, numbers, make: make) }
  }

  package func close() async { await repairer.close() }
}
