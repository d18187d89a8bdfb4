internal import TidemarkConfiguration
package import TidemarkCore
package import TidemarkEngine
package import TidemarkPostgres

/// Compares the logs of lanes with Postgres on demand: all that Redis holds and Postgres should have. Workers may run at the same time.
package struct ReconcileRun: Sendable {
  package struct Progress: Sendable {
    package var lane: String
    /// The lane's number among those that are compared.
    package var place: Int
    package var lanes: Int
    /// The entries and changes that were compared, of all lanes.
    package var compared = 0
    package var found = 0
  }

  /// The result of a lane.
  package struct LaneResult: Sendable {
    package var lane: String
    /// What is different and not repaired, also what was found before.
    package var open: [RecordedDivergence] = []
    package var repairs: [LogReconciler.Repair] = []
    /// The reason why the lane could not be compared to its end; nil where it was.
    package var failure: String?
  }

  /// The number of attempts for a piece that changes while it is compared.
  private static let attempts = 5

  private let reconciler: LogReconciler
  private let ledger: PostgresSink
  private let catalog: LaneCatalog
  private let options: ReconcileOptions
  private let clock: any WorkerClock

  package init(
    reconciler: LogReconciler, ledger: PostgresSink, lanes: LaneCatalog, options: ReconcileOptions, clock: any WorkerClock = SystemClock()
  ) {
    self.reconciler = reconciler
    self.ledger = ledger
    catalog = lanes
    self.options = options
    self.clock = clock
  }

  /// Compares lanes one after the other.
  ///
  /// - Throws: ``SinkError``, ``SourceError``; what was found until then is recorded.
  package func run(
    _ lanes: [String], progress: (Progress) -> Void, report: (LaneResult) throws -> Void
  ) async throws {
    var state = Progress(lane: "", place: 0, lanes: lanes.count)
    for lane in lanes {
      state.lane = lane
      state.place += 1
      progress(state)
      try report(try await compare(lane, &state, progress))
    }
  }

  private func compare(_ lane: String, _ state: inout Progress, _ progress: (Progress) -> Void) async throws -> LaneResult {
    var result = LaneResult(lane: lane)
    var dry: [Divergence] = []
    var attempt = 1
    while !(try await compareOnce(lane, &dry, &state, progress)) {
      guard attempt < Self.attempts else {
        result.failure = "the lane's stream is not the one that was read, or the lane changes hands; see `tidemark status`, and try again"
        break
      }
      attempt += 1
      dry = []
      try await clock.sleep(for: .seconds(1))
    }
    if options.repairs, !options.isDry, let record = try await ledger.lanes(named: [lane]).first {
      try await reconciler.repair(known(record), session: options.session) { result.repairs.append($0) }
    }
    result.open = try await ledger.openDivergences(of: lane, session: options.session)
    let recorded = Set(result.open.map(\.divergence))
    result.open += dry.filter { !recorded.contains($0) }.map { RecordedDivergence(unrecorded: $0) }
    return result
  }

  private func known(_ record: LaneRecord) -> LogReconciler.Lane {
    LogReconciler.Lane(record, partition: catalog.profile(of: record.name)?.partition)
  }

  /// Compares a lane from its beginning. Returns false where it changed meanwhile.
  private func compareOnce(
    _ name: String, _ dry: inout [Divergence], _ state: inout Progress, _ progress: (Progress) -> Void
  ) async throws -> Bool {
    guard let record = try await ledger.lanes(named: [name]).first, record.cursor.position > .zero else { return true }
    let lane = known(record)
    guard let verified = try await ledger.verifiedLanes([record.laneID]).first, verified.incarnation == record.incarnation,
      let first = try await reconciler.firstEntry(of: lane)
    else { return false }
    // From where it is verified at the latest: the numbers of its sessions were followed up to there.
    var place = max(verified.began, min(verified.through, first.predecessor))
    var count = ReconciliationPlan.mostEntries
    while place < record.cursor.position {
      let range = EntryRange(after: place, through: record.cursor.position)
      switch try await reconciler.compare(lane, range, entries: count, session: options.session) {
      case .overBudget: count = max(1, count / 8)
      case .discarded: return false
      case .compared(let piece):
        do {
          let found = try await ledger.record(
            ReconciledRange(
              lane: record.laneID, incarnation: record.incarnation, fence: nil, range: piece.range,
              divergences: piece.findings.map { $0.divergence(in: name) }, numbers: piece.numbers, isDry: options.isDry))
          if options.isDry { dry += found }
          state.found += found.count
        } catch let error as SinkError {
          guard case .fenced = error.kind else { throw error }
          return false
        }
        place = piece.range.through
        state.compared += piece.size
        count = min(ReconciliationPlan.mostEntries, count * 2)
        progress(state)
      }
    }
    return true
  }
}
