internal import TidemarkCore

/// The topology of a Cluster: the holder of each key, also while the key's slot is being migrated between nodes.
actor ClusterTopology {
  /// A Cluster does not announce changes, so it is polled; a redirection reveals a change sooner.
  private static let interval = Duration.seconds(10)
  /// The interval while a node does not answer, until its replica has taken over, and while a slot is being migrated.
  private static let shortInterval = Duration.milliseconds(500)
  private static let suspicion = Duration.seconds(5)

  private let directory: ClusterDirectory
  private var map: SlotMap?
  private var refreshedAt = ContinuousClock.now
  /// The keys that have already left their slot's holder.
  private var departed: [String: RedisNode] = [:]
  private var turn = 0
  private var suspectUntil = ContinuousClock.now
  private var refreshing: Task<Void, any Error>?
  /// The signal that is raised when keys may have moved.
  private let changed = ChangeSignal()
  /// The last change that was reported.
  private var told: UInt64
  private let suspected = ChangeSignal()

  init(_ configuration: RedisConfiguration) {
    directory = ClusterDirectory(configuration)
    told = changed.generation
  }

  /// A node, and whether it must be asked for a key that is still being migrated to it.
  struct Holder: Hashable, Sendable {
    var node: RedisNode
    var asks: Bool

    var server: LaneServer { LaneServer(asks ? "\(node) asking" : "\(node)") }
  }

  /// Returns the holders of keys; nil for a key whose slot no node holds.
  ///
  /// - Throws: `connectFailed` if no node answers.
  func holders(of keys: [String]) async throws -> [Holder?] {
    let map = try await known()
    return keys.map { key in
      if let node = departed[key] { return Holder(node: node, asks: true) }
      guard let node = map.node(of: key) else {
        suspect()
        return nil
      }
      return Holder(node: node, asks: false)
    }
  }

  /// Returns the holders of keys, each of which must have one.
  ///
  /// - Throws: `connectFailed`, also if no node holds one of the keys.
  func knownHolders(of keys: [String]) async throws -> [Holder] {
    let holders = try await holders(of: keys)
    guard let missing = holders.firstIndex(of: nil) else { return holders.compactMap(\.self) }
    throw RedisError(.connectFailed, "no node of the Cluster holds the slot of \(keys[missing]); see CLUSTER INFO")
  }

  /// Returns all masters.
  func nodes() async throws -> [RedisNode] { try await known().nodes }

  /// Records that a node has redirected a request for keys.
  func redirected(_ keys: [String], by redirection: Redirection) async throws {
    switch redirection {
    case .ask(let slot, let node):
      for key in keys where SlotMap.slot(of: key) == slot && map?.node(of: key) != node { departed[key] = node }
      changed.raise()
    case .moved(let slot, let node):
      returned(keys.filter { SlotMap.slot(of: $0) == slot })
      try await refresh(first: [node])
    }
  }

  /// Records that keys are not on the node that they were redirected to, so the holder of their slot must be asked again.
  func returned(_ keys: [String]) {
    let gone = keys.filter { departed.removeValue(forKey: $0) != nil }
    if !gone.isEmpty { changed.raise() }
  }

  /// Records that a node does not answer, so its replica may take over.
  func suspect() {
    suspectUntil = .now.advanced(by: Self.suspicion)
    suspected.raise()
  }

  /// Signals that a caller has an outdated location of a key.
  func serversChanged() { changed.raise() }

  /// Returns the holders of keys when keys may have moved since the last call. Only one caller at a time; no change is lost between calls.
  func rearranged() async throws -> Set<Holder> {
    while changed.generation == told {
      let heard = suspected.generation
      let seen = told
      let (next, isUrgent) = (ContinuousClock.now.advanced(by: patience), patience < Self.interval)
      await withTaskGroup { [changed, suspected] group in
        group.addTask { await changed.wait(after: seen, until: next, on: SystemClock()) }
        if !isUrgent { group.addTask { await suspected.wait(after: heard) } }
        await group.next()
        group.cancelAll()
      }
      try Task.checkCancellation()
      if changed.generation == told { try await refresh(first: []) }
    }
    told = changed.generation
    return Set((map?.nodes ?? []).map { Holder(node: $0, asks: false) } + departed.values.map { Holder(node: $0, asks: true) })
  }

  /// The largest age of the map.
  private var patience: Duration { suspectUntil > .now || !departed.isEmpty ? Self.shortInterval : Self.interval }

  /// Returns the map, and fetches it if it is too old, because not every caller follows changes.
  private func known() async throws -> SlotMap {
    if let map, refreshedAt.duration(to: .now) < patience { return map }
    do {
      try await refresh(first: [])
    } catch {
      // The old map may still be valid.
      guard let map else { throw error }
      return map
    }
    return map ?? SlotMap()
  }

  /// Fetches the map. Calls during a fetch share it. Nodes are asked in turn, because a node that is cut off from the others would report
  /// an old map forever.
  private func refresh(first: [RedisNode]) async throws {
    if let refreshing { return try await refreshing.value }
    turn += 1
    let nodes = map?.nodes ?? []
    let order = first + nodes.indices.map { nodes[($0 + turn) % nodes.count] }.filter { !first.contains($0) }
    let task = Task { [directory] in
      defer { refreshing = nil }
      take(try await directory.slots(first: order))
    }
    refreshing = task
    try await task.value
  }

  private func take(_ fresh: SlotMap) {
    refreshedAt = .now
    let before = map
    // These keys have arrived, or are on no known migration any more.
    let settled = departed.filter { key, node in
      fresh.node(of: key) == node || before.map { $0.node(of: key) != fresh.node(of: key) } ?? false
    }
    for key in settled.keys { departed[key] = nil }
    guard fresh != before || !settled.isEmpty else { return }
    map = fresh
    if before != nil { changed.raise() }
  }
}

extension RedisConfiguration {
  /// Returns the configuration for a node that holds keys, with ASKING if it is required.
  func at(_ holder: ClusterTopology.Holder) -> RedisConfiguration {
    var configuration = at(holder.node)
    configuration.clusterManners = .init(asks: holder.asks)
    return configuration
  }
}
