/// Which lanes there are: those that discovery finds, and those that the ledger and this worker know beside these.
///
/// Discovery only adds. A stream that it does not find may be gone, and then the lane still has to be compared with what was read of it: what
/// was read is committed, and the replacement is recorded. Only then is the lane set aside until its stream appears again.
extension WorkerState {
  /// Returns the lanes to acquire: those that were found or are expected, of shards that this worker may serve, and that it does not own.
  ///
  /// - Parameter isComplete: whether every stream that exists was found. Owned lanes that were not found are then compared soon.
  package mutating func lanesToAcquire(_ found: Set<String>, isComplete: Bool) -> [String] {
    if isComplete {
      let absent = scheduler.lanes.filter { !found.contains($0.key) && !$0.value.isClosing && $0.value.halt == nil }.map(\.key)
      scheduler.checkSoon(absent)
      scheduler.forgetAbandoned { found.contains($0) || expected.contains($0) }
    }
    let names = found.union(expected.names).filter { scheduler.lanes[$0] == nil }
    return names.filter { grant.shards[settings.lanes.shard(of: $0)] != nil }.sorted()
  }

  /// Records that these items of `lanes` took effect, as the ledger says.
  package mutating func learned(_ inEffect: [ItemInEffect]) { items.add(inEffect) }

  /// Forgets what the ledger said of lanes and items, because it may be an older one now.
  mutating func recallAgain() {
    expected.recallAgain()
    items.forget()
    effects.signals.insert(.ownership)
  }

  /// The shards whose lanes were not read from the ledger yet; none where every lane has a fixed name.
  package var shardsToRecall: [Int] { settings.lanes.items.contains(where: \.isPattern) ? expected.unknown(of: grant) : [] }

  /// Records that the ledger knows these lanes of those shards. `asked` holds the fencing tokens at the time of the question.
  package mutating func recalled(_ names: [String], of shards: [Int], under asked: LeaseGrant) {
    let valid = Set(shards.filter { grant.shards[$0] != nil && grant.shards[$0] == asked.shards[$0] })
    expected.recalled(LeaseGrant(shards: asked.shards.filter { valid.contains($0.key) }))
    expect(names.filter { valid.contains(settings.lanes.shard(of: $0)) })
  }

  /// Expects lanes that are not owned to be compared with their streams, although discovery may not find them.
  mutating func expect(_ names: some Sequence<String>) {
    for name in names where scheduler.lanes[name] == nil {
      guard let profile = settings.lanes.profile(of: name), !profile.isServedWithoutStream else { continue }
      if grant.shards[profile.shard] != nil { expected.insert(name, of: profile.shard) }
    }
  }

  /// Records that the streams of these lanes do not exist, and that everything that there was to record of them is recorded.
  package mutating func setAside(_ names: some Sequence<String>) {
    for name in names {
      expected.remove(name)
      pendingReplacements.forget(name)
    }
  }

  /// Forgets the replacements that were found of lanes that this worker may not serve any more, unless their marks wait.
  package mutating func forgetReplacements(except waiting: Set<String>) {
    guard !pendingReplacements.isEmpty else { return }
    pendingReplacements.keep {
      waiting.contains($0) || settings.lanes.profile(of: $0).map { grant.shards[$0.shard] != nil } ?? false
    }
  }

  /// Records why lanes could not be acquired at the last attempt, of one server or of all.
  package mutating func acquisitionFailed(_ reasons: [String]) { failures.acquisition = reasons }

  /// Records which of these lanes Redis refuses to inspect, so that they can't be registered.
  package mutating func refusedRegistration(_ refused: [String: String], among asked: [String]) {
    for lane in asked { failures.unregistered[lane] = refused[lane] }
    failures.unregistered = failures.unregistered.filter {
      scheduler.lanes[$0.key] == nil && settings.lanes.profile(of: $0.key) != nil
    }
  }

  /// Records that new lanes have rows in the ledger: shards with lanes are balanced separately from those without.
  package mutating func registered() { effects.signals.insert(.leases) }

  /// Applies another catalog of lanes. What was read of lanes that it does not name any more is committed before they are released.
  mutating func reconfigure(_ lanes: LaneCatalog) {
    settings.lanes = lanes
    expected = ExpectedLanes()
    for name in Array(scheduler.lanes.keys) {
      if let profile = lanes.profile(of: name) {
        scheduler.reconfigure(name, as: profile)
        turns.reconfigured(name, as: profile)
      } else {
        scheduler.close(name, .unconfigured)
      }
    }
  }
}
