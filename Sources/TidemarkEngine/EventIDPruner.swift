internal import Logging
internal import TidemarkCore

/// Makes the ledger forget producers' ids that no entry can meet any more, as ``EventIDRetention`` decides. One worker at a time does it
/// for all lanes: the one that holds the first shard. Two at once would do no harm.
struct EventIDPruner: Sendable {
  /// The shard whose owner forgets.
  static let shard = 0

  let source: any LaneSource
  let sink: any ChangeSink
  let coordinator: LaneCoordinator
  let logger: Logger

  /// How long ids outlive their window: a sweep goes over the whole table.
  static func interval(_ window: Duration) -> Duration { max(window / 24, .seconds(10)) }

  func run() async {
    let failures = FailureLog<String>(failing: "event_ids.waiting", recovered: "event_ids.current", logger: logger)
    while !Task.isCancelled {
      // Also after a failure, and at first: what was read of a stream that is gone by now has been committed when the next turn comes.
      try? await Task.sleep(for: Self.interval(await coordinator.settings.dedupeWindow))
      guard !Task.isCancelled, await coordinator.grant.shards[Self.shard] != nil else { continue }
      do {
        try await sweep()
        failures.succeeded()
      } catch {
        if !Task.isCancelled { failures.failed(error) }
      }
    }
  }

  func sweep() async throws {
    let ranges = try await forgettable()
    guard !ranges.isEmpty else { return }
    var place: EventIDPlace? = .first
    while let current = place, !Task.isCancelled { place = try await sink.forgetEventIDs(ranges, from: current) }
  }

  func forgettable() async throws -> [Range<Int64>] {
    let window = await coordinator.settings.dedupeWindow
    let (now, lanes) = try await sink.eventIDLanes()
    let servers = try await source.byServer(lanes) { $0.name }
    let seen = await withTaskGroup(of: SeenServer.self) { group in
      for (_, lanes) in servers { group.addTask { await observe(lanes) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    var retention = EventIDRetention(now: seen.compactMap(\.now).min().map { min(now, $0) } ?? now, window: window)
    for (lane, end) in seen.flatMap(\.lanes) { retention.consider(lane, end) }
    return retention.forgettable
  }

  private struct SeenServer: Sendable {
    var now: Int64?
    var lanes: [(EventIDRetention.Lane, EventIDRetention.StreamEnd)]
  }

  private static func end(_ observation: StreamObservation) -> EventIDRetention.StreamEnd {
    switch observation {
    case .seen(let observed): observed.stream.map { .at($0.lastGeneratedID) } ?? .absent
    case .refused, .deferred: .unknown
    }
  }

  /// A server that does not answer holds back what its lanes may still need.
  private func observe(_ lanes: [EventIDRetention.Lane]) async -> SeenServer {
    do {
      // The clock first: what is written after the streams were looked at is no older.
      let now = try await source.currentMilliseconds(beside: lanes[0].name)
      let ends = try await source.inspect(lanes.map { ExpectedStream(asking: $0.name) }).map { Self.end($0) }
      return SeenServer(now: Int64(clamping: now), lanes: Array(zip(lanes, ends)))
    } catch {
      return SeenServer(lanes: lanes.map { ($0, .unknown) })
    }
  }
}
