package import TidemarkCore
package import TidemarkPostgres

/// Assembles the status from the ledger and the lag from Redis, with or without a worker.
package struct StatusReader: Sendable {
  private let source: any LanePlacement & StreamInspector
  private let store: StatusStore
  private let leaseTTL: Duration
  private let settings: @Sendable ([TunedSetting]) -> [String: StatusReport.Setting]
  /// The streams that no lane reads. Finding them scans all keys of Redis, so the result is cached.
  private let streams: Cached<[String]?>
  private let lanes: @Sendable () -> LaneCatalog
  /// The streams that match a pattern of the configuration; nil if they could not be searched for. Finding them is equally expensive.
  private let matchingStreams: Cached<Set<String>?>

  /// - Parameters:
  /// - source: must not be the source that a worker reads with, because the report reads an entry of each lane with a lag and would wait
  ///   for the worker's reads.
  /// - lanes: returns the lanes of the configuration, which may not be registered yet. It is called for each report, as `settings` is,
  ///   because a reload changes both. Streams of patterns may not be registered yet, too; they are searched for once a minute. A worker
  ///   registers them within `discover`, so only those remain that no worker can register.
  /// - settings: returns the settings in force, given what is tuned.
  /// - Throws: ``PostgresError`` for a schema name that can't be quoted.
  package init(
    sink: PostgresSink, source: any LanePlacement & StreamInspector, schema: String, leaseTTL: Duration,
    lanes: @escaping @Sendable () -> LaneCatalog,
    settings: @escaping @Sendable ([TunedSetting]) -> [String: StatusReport.Setting]
  ) throws {
    self.source = source
    self.leaseTTL = leaseTTL
    self.settings = settings
    self.lanes = lanes
    streams = Cached(for: .seconds(60)) {
      try? await source.discover(UnreadStreams.pattern(lanes().keys))
    }
    matchingStreams = Cached(for: .seconds(60)) {
      var names: Set<String> = []
      for pattern in lanes().patterns {
        guard let found = try? await source.discover(pattern) else { return nil }
        names.formUnion(found)
      }
      return names
    }
    store = try StatusStore(sink: sink, schema: schema)
  }

  /// Returns the report of all lanes.
  ///
  /// - Parameter worker: a worker's status of its own lanes, which is newer than the ledger.
  /// - Throws: ``SinkError`` if Postgres can't be reached. An unreachable Redis is not an error: the lag is then null.
  package func read(overlaying worker: WorkerStatus? = nil) async throws -> StatusReport {
    let stored = try await store.lanes()
    let records = stored.map(\.record)
    let workers = try await store.workers(leaseTTL: leaseTTL)
    var lanes = stored.map { StatusReport.Lane($0) }
    let ours = Dictionary((worker?.lanes ?? []).map { ($0.record.name, $0) }) { first, _ in first }
    let asked = records.filter { ours[$0.name]?.lag == nil }
    let (lags, redisError) = records.isEmpty ? ([:], await silence()) : await lag(of: asked)
    for index in lanes.indices {
      let lag = lags[lanes[index].lane]
      lanes[index].lagEntries = lag?.entries
      lanes[index].lagSeconds = lag?.seconds
      // The ledger does not distinguish the two states.
      if lanes[index].state == LaneState.reading.rawValue, lag?.entries == 0 { lanes[index].state = LaneState.idle.rawValue }
      if let known = ours[lanes[index].lane], known.record.fence == lanes[index].fence { lanes[index].overlay(known) }
    }
    let types = try await store.unknownTypes()
    let tuning = try await store.tuning()
    let known = Set(records.map(\.name))
    let unread = await unreadStreams(besides: known)
    if redisError == nil {
      let named = self.lanes().namedLanes
      let expected = await named + streamsOfPatterns(besides: named)
      let unregistered = expected.filter { !known.contains($0) }
      if !unregistered.isEmpty { lanes += await self.unregistered(unregistered) }
    }
    return StatusReport(
      lanes: lanes, workers: workers.map { StatusReport.Worker($0) }, settings: settings(tuning),
      at: StatusReport.now(), postgres: .init(isUp: true),
      redis: .init(isUp: redisError == nil, error: redisError ?? worker?.redisError), unreadStreams: unread,
      unknownTypes: types.map { StatusReport.UnknownType(type: $0.type, entries: $0.entries) },
      tuning: tuning.compactMap { StatusReport.TunedValue($0) })
  }

  /// Returns the streams that no lane reads; nil if the scan did not finish in time.
  private func unreadStreams(besides known: Set<String>) async -> [String]? {
    guard case let names?? = await streams.value(within: .seconds(2)) else { return nil }
    return UnreadStreams.of(names, lanes()) { known.contains($0) }
  }

  /// Returns the streams of patterns that have no lane yet; empty if the scan did not finish in time.
  private func streamsOfPatterns(besides named: [String]) async -> [String] {
    guard case let names?? = await matchingStreams.value(within: .seconds(2)) else { return [] }
    return names.subtracting(named).sorted()
  }

  /// Returns the report from a worker's own memory while Postgres is unreachable; without lanes if the worker does not answer either.
  package func remembered(_ worker: WorkerStatus?, by identity: WorkerIdentity, postgresError: String) -> StatusReport {
    let lanes = (worker?.lanes ?? []).map { status in
      var lane = StatusReport.Lane(status.record, state: "", since: nil, lastError: nil, hint: nil, deadLettersOpen: nil, gapsOpen: nil)
      lane.overlay(status)
      return lane
    }
    let own = StatusReport.Worker(
      worker: identity.name, host: identity.host, pid: identity.pid, version: nil, startedAt: nil, seenAt: nil, isAlive: true,
      shards: nil, lanes: lanes.count)
    return StatusReport(
      lanes: lanes, workers: [own], settings: settings([]), at: StatusReport.now(), postgres: .init(isUp: false, error: postgresError),
      redis: .init(isUp: worker.map { $0.redisError == nil } ?? false, error: worker.map(\.redisError) ?? "the worker does not answer"))
  }

  /// Returns the error of a Redis that does not answer; nil if it answers. Needed when there is no lane yet whose lag would show the error.
  private func silence() async -> String? {
    do {
      _ = try await source.currentMilliseconds(beside: "")
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// Returns the lag by lane, and the error for lanes whose lag is unknown.
  private func lag(of records: [LaneRecord]) async -> ([String: LaneLag], String?) {
    do {
      let servers = try await source.byServer(records, lane: \.name)
      return await withTaskGroup(of: ([String: LaneLag], String?).self) { group in
        for (_, records) in servers { group.addTask { await lagOnServer(of: records) } }
        return await group.reduce(into: ([:], nil)) { all, part in
          all.0.merge(part.0) { first, _ in first }
          all.1 = all.1 ?? part.1
        }
      }
    } catch {
      return ([:], "\(error)")
    }
  }

  private func lagOnServer(of records: [LaneRecord]) async -> ([String: LaneLag], String?) {
    do {
      let now = try await source.currentMilliseconds(beside: records.first?.name ?? "")
      let observations = try await observe(records.map { ($0.name, $0.cursor.position) })
      var lags: [String: LaneLag] = [:]
      var refusal: String?
      for (record, observation) in zip(records, observations) {
        switch observation {
        case .seen(let observed):
          lags[record.name] = LagMeasure.lag(observed.stream, record: record, oldestUncommitted: observed.next, now: now)
        case .refused(let error): refusal = refusal ?? error.description
        case .deferred: break
        }
      }
      // The known lags are still useful without the lanes that failed.
      return (lags, lags.isEmpty ? refusal : nil)
    } catch {
      return ([:], "\(error)")
    }
  }

  /// Returns Redis' observations of streams and of the first entry after each position; only the counters if this user may not read
  /// entries.
  private func observe(_ lanes: [(name: String, after: EntryID)]) async throws -> [StreamObservation] {
    func ask(_ question: ExpectedStream.Question) async throws -> [StreamObservation] {
      try await source.inspect(
        lanes.map {
          var check = ExpectedStream(asking: $0.name, cursor: $0.after, question: question)
          check.mayBeDeferred = true
          return check
        })
    }
    do {
      return try await ask(.next)
    } catch let error as SourceError where error.kind == .misconfigured {
      return try await ask(.counters)
    }
  }

  /// Returns reports for those of these lanes that have a stream, or that can't be read.
  private func unregistered(_ names: [String]) async -> [StatusReport.Lane] {
    do {
      var lanes: [StatusReport.Lane] = []
      for (_, names) in try await source.byServer(names, lane: { $0 }) {
        let now = try await source.currentMilliseconds(beside: names.first ?? "")
        for (name, observation) in zip(names, try await observe(names.map { ($0, .zero) })) {
          switch observation {
          case .seen(let observed):
            guard let stream = observed.stream else { continue }
            let age = (observed.next ?? stream.firstID).flatMap { $0.ms <= now ? Double(now - $0.ms) / 1000 : nil }
            let isEmpty = stream.length == 0
            lanes.append(
              StatusReport.Lane(
                unregistered: name, lag: LaneLag(entries: Int64(clamping: stream.length), seconds: isEmpty ? 0 : age), error: nil))
          case .refused(let error): lanes.append(StatusReport.Lane(unregistered: name, lag: nil, error: error.description))
          case .deferred: lanes.append(StatusReport.Lane(unregistered: name, lag: nil, error: nil))
          }
        }
      }
      return lanes
    } catch {
      return names.map { StatusReport.Lane(unregistered: $0, lag: nil, error: "\(error)") }
    }
  }
}
