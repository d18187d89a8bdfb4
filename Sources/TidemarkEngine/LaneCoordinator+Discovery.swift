internal import TidemarkCore

/// Which lanes there are: what discovery finds, and what the ledger and this worker know beside that.
///
/// Discovery only adds. A stream that it does not find may be gone, and then the lane still has to be compared with what was read of it, as
/// one with a fixed name is: what was read is committed, and the break is recorded. Only then is the lane set aside until its stream appears
/// again.
extension LaneCoordinator {
  /// Answers the lanes to take up: those that were found or are expected, of shards that this worker may serve, and that it does not own.
  ///
  /// - Parameter isComplete: every stream there is was found. Owned lanes without one are compared soon.
  func lanesToAcquire(_ found: Set<String>, isComplete: Bool) -> [String] {
    if isComplete {
      let absent = scheduler.lanes.filter { !found.contains($0.key) && !$0.value.isClosing && $0.value.halt == nil }.map(\.key)
      scheduler.checkSoon(absent)
      if !absent.isEmpty { readable.raise() }
      scheduler.forgetAbandoned { found.contains($0) || expected.contains($0) }
    }
    let names = found.union(expected.names).filter { scheduler.lanes[$0] == nil }
    return names.filter { grant.shards[settings.lanes.shard(of: $0)] != nil }.sorted()
  }

  /// The ledger says that these items of `lanes` took effect.
  func learned(_ inEffect: [ItemInEffect]) { items.add(inEffect) }

  /// What the ledger was asked for may not be what it says now.
  func recallAgain() {
    expected.recallAgain()
    items.forget()
  }

  /// The shards of which the ledger has not been asked yet which lanes it knows; none where every lane has a fixed name.
  var shardsToRecall: [Int] { settings.lanes.items.contains(where: \.isPattern) ? expected.unknown(of: grant) : [] }

  /// The ledger knows these lanes of those shards, under the fencing tokens that were held when it was asked.
  func recalled(_ names: [String], of shards: [Int], under asked: LeaseGrant) {
    let valid = Set(shards.filter { grant.shards[$0] != nil && grant.shards[$0] == asked.shards[$0] })
    expected.recalled(LeaseGrant(shards: asked.shards.filter { valid.contains($0.key) }))
    expect(names.filter { valid.contains(settings.lanes.shard(of: $0)) })
  }

  /// These lanes are not owned, and are to be compared with their streams although discovery may not find them.
  func expect(_ names: some Sequence<String>) {
    for name in names where scheduler.lanes[name] == nil {
      guard let profile = settings.lanes.profile(of: name), !profile.isServedWithoutStream else { continue }
      if grant.shards[profile.shard] != nil { expected.insert(name, of: profile.shard) }
    }
  }

  /// The streams of these lanes do not exist, and all that there was to record of them is recorded.
  func setAside(_ names: some Sequence<String>) {
    for name in names {
      expected.remove(name)
      pendingReplacements.forget(name)
    }
  }

  /// Forgets what was found of the streams of lanes that this worker may not serve any more, unless their marks wait.
  func forgetEndings(except waiting: Set<String>) {
    guard !pendingReplacements.isEmpty else { return }
    pendingReplacements.keep {
      waiting.contains($0) || settings.lanes.profile(of: $0).map { grant.shards[$0.shard] != nil } ?? false
    }
  }

  /// Other lanes are configured. What was read of those that are not any more is committed before they are released.
  func reconfigure(_ lanes: LaneCatalog) {
    settings.lanes = lanes
    expected = ExpectedLanes()
    let left = scheduler.lanes.keys.filter { name in
      guard let profile = lanes.profile(of: name) else { return true }
      scheduler.reconfigure(name, as: profile)
      return false
    }
    for name in left { scheduler.close(name, .unconfigured) }
    tellLeft(left)
  }
}
