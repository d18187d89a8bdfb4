package import TidemarkCore

/// Compares the tables of the state with the audit trail, and folds rows again that are wrong.
package struct TableCheck: Sendable {
  package struct Result: Sendable {
    /// What is different, whether or not it was recorded before.
    package var found: [Divergence] = []
    /// What was not recorded before.
    package var new: [Divergence] = []
    /// The number of differences that are gone.
    package var repaired = 0
  }

  private let ledger: any StateCheckLedger
  private let lanes: LaneCatalog
  private let repairs: Bool
  private let isDry: Bool

  /// - Parameters:
  ///   - repairs: whether rows are folded again that can be had from other rows.
  ///   - isDry: whether nothing is recorded or repaired.
  package init(ledger: any StateCheckLedger, lanes: LaneCatalog, repairs: Bool, isDry: Bool = false) {
    self.ledger = ledger
    self.lanes = lanes
    self.repairs = repairs
    self.isDry = isDry
  }

  /// Checks sessions. Throws ``SinkError``.
  package func check(_ ids: [String]) async throws -> Result {
    let differences = try await ledger.checkSessions(ids)
    if !isDry { try await ledger.recordChecked(ids, differences) }
    return try await finish(differences, lane: nil)
  }

  /// Looks for the rows of a lane's changes after an entry; also returns the last change that was looked at, nil where there was none. Throws
  /// ``SinkError``.
  package func checkChanges(
    of lane: Int32, after entry: EntryID, session: String? = nil, limit: Int
  ) async throws -> (result: Result, through: EntryID?) {
    let checked = try await ledger.checkChanges(of: lane, after: entry, session: session, limit: limit)
    return (try await finish(checked.differences, lane: lane), checked.through)
  }

  private func finish(_ differences: [TableDifference], lane: Int32?) async throws -> Result {
    var result = Result()
    result.found = differences.map { difference in
      Divergence(
        lane: difference.lane ?? lanes.hotKeys(of: difference.session)?.partition.changes ?? "", session: difference.session,
        kind: difference.kind,
        subject: difference.detail, detail: difference.detail)
    }
    guard !isDry, !differences.isEmpty else { return result }
    result.new = try await ledger.recordDivergences(result.found)
    if repairs { result.repaired = try await repair(differences, lane: lane) }
    return result
  }

  private func repair(_ differences: [TableDifference], lane: Int32?) async throws -> Int {
    var repaired = 0
    // A removal that is applied again decides what the session's messages are.
    if let lane {
      for difference in differences {
        guard let entry = difference.entry else { continue }
        if try await ledger.repairChange(of: lane, at: entry) { repaired += 1 }
      }
    }
    // A row that is missing altogether can't be folded, except that of the session itself.
    let folded = Dictionary(grouping: differences.filter { $0.entry == nil || $0.detail.hasPrefix("sessions:") }) { SessionKey($0.session) }
    for before in folded.values {
      let rest = try await ledger.repairSession(before[0].session)
      repaired += before.count { difference in !rest.contains { $0.detail == difference.detail } }
    }
    return repaired
  }
}
