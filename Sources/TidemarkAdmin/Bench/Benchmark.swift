internal import Foundation
internal import TidemarkCore
internal import TidemarkPostgres
internal import TidemarkRedis

/// Measures a worker on the user's own servers, beside the limits of those servers.
///
/// Uses its own schema and prefix, which it removes at the end: after success, an error, or a cancellation.
package struct Benchmark: Sendable {
  /// The facts about the installation that the report shows.
  package struct Subject: Sendable {
    package var version: String
    package var isOptimized: Bool
    package var batchMaxEntries: Int
    package var writers: Int

    package init(version: String, isOptimized: Bool, batchMaxEntries: Int, writers: Int) {
      self.version = version
      self.isOptimized = isOptimized
      self.batchMaxEntries = batchMaxEntries
      self.writers = writers
    }
  }

  private let plan: BenchPlan
  private let place: BenchPlace
  private let subject: Subject
  private let folder: String?
  private let startWorker: StartWorker
  private let progress: BenchProgress

  /// - Parameters:
  /// - folder: a folder that any user may write into, for COPY by the server; nil if there is none.
  /// - progress: receives short texts about the current step.
  package init(
    _ plan: BenchPlan, in place: BenchPlace, of subject: Subject, folder: String?, startWorker: @escaping StartWorker,
    progress: @escaping @Sendable (String) -> Void
  ) {
    self.plan = plan
    self.place = place
    self.subject = subject
    self.folder = folder
    self.startWorker = startWorker
    self.progress = BenchProgress(plan.steps, show: progress)
  }

  /// Runs all measurements. Throws a ``Finding`` for any failure, and `CancellationError` after a cancellation.
  package func run() async throws -> BenchReport {
    do {
      let session = try await BenchSession.open(place, startWorker: startWorker, folder: folder, progress: progress)
      let outcome = await outcome { try await measure(session) }
      let removal = await self.outcome { try await session.end() }
      if case .failure(let second) = removal { throw leftBehind(second, after: outcome) }
      return try outcome.get()
    } catch {
      throw finding(error)
    }
  }

  private func outcome<T>(_ body: () async throws -> T) async -> Result<T, any Error> {
    do {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }

  private func measure(_ session: BenchSession) async throws -> BenchReport {
    var rounds: [BenchRound] = []
    for _ in 0..<plan.rounds { rounds.append(try await round(session)) }
    return BenchReport(about: try await about(session), rounds: rounds)
  }

  private func round(_ session: BenchSession) async throws -> BenchRound {
    var round = BenchRound()
    progress.begin("a one-row INSERT with its commit")
    try await place.reset(session.postgres, session.redis)
    round.roundTrips.append(try await session.roundTrip(plan))
    if plan.parts.contains(.drain) {
      for load in BenchLoad.allCases {
        progress.begin("drain of \(load.rawValue)")
        round.drains.append(try await session.drain(load, plan))
        round.roundTrips.append(try await session.roundTrip(plan))
      }
    }
    if plan.parts.contains(.lag) {
      round.lags = try await session.lags(plan)
      round.roundTrips += round.lags.map(\.roundTrip)
    }
    if plan.parts.contains(.sweep), let rate = plan.rates.max() {
      var points: [SweepResult.Point] = []
      for size in plan.sizes {
        progress.begin("batch.max_entries \(size)")
        points.append(try await session.sweepPoint(size, rate: rate, plan))
        round.roundTrips.append(try await session.roundTrip(plan))
      }
      round.sweep = SweepResult(rate: rate, points: points)
    }
    return round
  }

  private func about(_ session: BenchSession) async throws -> BenchAbout {
    let names = ["fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size", "wal_level", "server_encoding"]
    let settings = try await session.postgres.query(
      "SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name", [.textArray(strings: names)], deadline: .seconds(10))
    let version = try await session.postgres.query("SHOW server_version", deadline: .seconds(10)).string(0, 0)
    let nodes = try await session.redis.connections()
    let redis = try await nodes.first.map { RedisInspector($0) }?.serverVersion() ?? "unknown"
    return BenchAbout(
      tidemark: subject.version, isOptimized: subject.isOptimized, redis: nodes.count > 1 ? "\(redis), \(nodes.count) masters" : redis,
      postgres: version ?? "unknown",
      postgresSettings: Dictionary(
        uniqueKeysWithValues: (0..<settings.rowCount).map { (settings.string($0, "name") ?? "", settings.string($0, "value") ?? "") }),
      cores: ProcessInfo.processInfo.activeProcessorCount, changes: plan.changes, sessions: plan.sessions, lanes: place.lanes.partitions,
      batchMaxEntries: subject.batchMaxEntries, writers: subject.writers)
  }

  /// Returns every failure as an error that reads as one line.
  private func finding(_ error: any Error) -> any Error {
    switch error {
    case let error as RedisError: RedisCheck.finding(error, place.redis)
    // The cancelled benchmark has cancelled this statement.
    case is MigrationError where Task.isCancelled: CancellationError()
    case let error as MigrationError: Finding(.problem, "postgres.schema", error.description)
    case let error as PostgresError where error.kind == .cancelled: CancellationError()
    case let error as PostgresError: Finding(.problem, "postgres", error.description)
    default: error
    }
  }

  private func leftBehind(_ removal: any Error, after outcome: Result<BenchReport, any Error>) -> Finding {
    var cause = ""
    if case .failure(let error) = outcome, !(finding(error) is CancellationError) { cause = "\(finding(error)); and then " }
    return Finding(
      .problem, "bench",
      "\(cause)could not remove the schema \(place.schema) and the keys of \(place.lanes.prefix) (\(finding(removal)))",
      hint: "the next `tidemark bench` removes them, or do it by hand")
  }
}
