internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Finds the streams that are lanes, puts new items of `lanes` in effect, and says where lanes without a cursor begin.
struct LaneDiscovery: Sendable {
  let source: any MarkStore & StreamInspector
  let sink: any LaneLedger
  let worker: WorkerIdentity
  let coordinator: LaneCoordinator
  let inspector: LaneInspector
  let claim: ClaimWatch
  let logger: Logger

  struct Found: Sendable {
    var names: Set<String> = []
    /// The items of `lanes` that had taken effect by then.
    var items = ItemsInEffect()
    /// Why some of the lanes that match a pattern may be missing.
    var failure: (any Error)?
  }

  /// Where lanes begin, and what could not be looked at.
  struct Beginnings: Sendable {
    var lanes: [NewLane] = []
    var unmeasured: [String] = []
    /// Entries that are in the streams and are not read.
    var skipped: UInt64 = 0
  }

  func find(_ settings: WorkerSettings) async -> Found {
    var found = Found()
    var complete: [(item: LaneItem, names: [String])] = []
    for item in settings.lanes.items {
      do {
        complete.append((item, item.isPattern ? try await source.discover(item.streams) : [item.streams]))
      } catch {
        found.failure = error
      }
    }
    do {
      try await putInEffect(complete, settings)
    } catch {
      found.failure = error
    }
    found.items = await coordinator.items
    for (_, names) in complete { found.names.formUnion(names) }
    found.names.formUnion(settings.lanes.partitionLanes)
    return found
  }

  /// Where these lanes begin. Leaves out those whose streams do not exist, unless they are lanes by their names.
  func begin(_ names: [String], _ starts: [String: LaneStart], _ settings: WorkerSettings) async throws -> Beginnings {
    let inspection = try await inspector.inspect(names.map { ExpectedStream(asking: $0) }, mayBeDeferred: false)
    let refused = Dictionary(inspection.refused.map { ($0.lane.lane, $0.error.description) }) { first, _ in first }
    await coordinator.perform { state, _ in state.refusedRegistration(refused, among: names) }
    var beginnings = Beginnings(unmeasured: inspection.refused.map(\.lane.lane))
    for comparison in inspection.comparisons {
      let (name, stream) = (comparison.lane.lane, comparison.observed.stream)
      guard stream != nil || settings.lanes.profile(of: name)?.isServedWithoutStream ?? false else { continue }
      let start = starts[name] ?? .oldest
      var following: UInt64 = 0
      if case .after(let id) = start, let stream {
        following = try await source.count(name, after: id, through: stream.lastGeneratedID)
      }
      let (position, baseline) = start.begin(stream, following: following)
      beginnings.skipped += start.skipped(stream, following: following)
      beginnings.lanes.append(
        NewLane(name: name, shard: settings.lanes.shard(of: name), position: position, baseline: baseline))
    }
    return beginnings
  }

  /// Those of these items that never took effect do so now, with all the streams that were found, whoever will own their lanes.
  private func putInEffect(
    _ found: [(item: LaneItem, names: [String])], _ settings: WorkerSettings
  ) async throws {
    func unknown() async -> [(item: LaneItem, names: [String])] {
      let items = await coordinator.items
      return found.filter { !items.contains($0.item.streams) }
    }
    guard await !unknown().isEmpty else { return }
    try await learn(unknown().map(\.item.streams))
    let new = await unknown()
    // Redis may have been flushed, or be another one: what is found there counts under the ledger's claim only.
    guard !new.isEmpty, await claim.confirm() else { return }
    for (item, names) in new {
      let beginnings = try await beginnings(of: item, names, settings)
      let newItem = NewItem(
        streams: item.streams, start: item.start, lanes: beginnings.lanes, unmeasured: beginnings.unmeasured)
      if try await sink.putInEffect(newItem, by: worker) {
        logger.log(
          .lanesInEffect,
          [
            .streams: "\(item.streams)", .start: "\(item.start)", .found: "\(names.count)", .skipped: "\(beginnings.skipped)",
          ])
      }
    }
    try await learn(new.map(\.item.streams))
  }

  private func learn(_ items: [String]) async throws {
    let inEffect = try await sink.itemsInEffect(items)
    await coordinator.perform { state, _ in state.learned(inEffect) }
  }

  private func beginnings(
    of item: LaneItem, _ names: [String], _ settings: WorkerSettings
  ) async throws -> Beginnings {
    // Lanes that begin with their first entry may as well be registered when they are taken up.
    guard item.start != .oldest, !names.isEmpty else { return Beginnings() }
    let known = Set(try await sink.lanes(named: names).map(\.name))
    let fresh = names.filter { !known.contains($0) }
    // The ledger lost a lane of which agents were told something: an older backup was restored. It was in effect, so nothing is skipped.
    let told = zip(fresh, try await source.marks(of: fresh)).filter { $1 != nil }.map { name, _ in name }
    if !told.isEmpty {
      logger.log(
        .lanesForgotten,
        [
          .streams: "\(item.streams)", .lanes: "\(told.count)", .first: "\(told.min() ?? "")",
          .reason: "agents were told of these lanes and the ledger has none of them: an older backup was restored",
          .effect: "they are read from their first entry, whatever their item says of its start",
        ])
    }
    let starts = Dictionary(uniqueKeysWithValues: fresh.map { ($0, item.start) })
    return try await begin(fresh, starts.merging(told.map { ($0, .oldest) }) { $1 }, settings)
  }
}
