internal import TidemarkCore

/// What is known of a Cluster: who holds which key, also while its slot is on the way from one node to another.
actor ClusterTopology {
  /// A Cluster tells nobody when it changes, so it is asked; a client that is redirected knows sooner.
  private static let interval = Duration.seconds(10)
  /// While a node does not answer, until its replica has taken over; and while a slot is on its way, until it has arrived.
  private static let shortInterval = Duration.milliseconds(500)
  private static let failureStreak = Duration.seconds(5)

  private let directory: ClusterDirectory
  private var map: SlotMap?
  private var refreshedAt = ContinuousClock.now
  /// Keys that have left their slot's holder already.
  private var departed: [String: RedisNode] = [:]
  private var turn = 0
  private var suspectUntil = ContinuousClock.now
  private var refreshing: Task<Void, any Error>?
  /// Raised when keys may be elsewhere.
  private let changed = ChangeSignal()
  /// The change that was told last.
  private var told: UInt64
  private let suspected = ChangeSignal()

  init(_ configuration: RedisConfiguration) {
    directory = ClusterDirectory(configuration)
    told = changed.generation
  }

  /// A node, and whether it is to be asked for a key that is not its own yet.
  struct Holder: Hashable, Sendable {
    var node: RedisNode
    var asks: Bool

    var server: LaneServer { LaneServer(asks ? "\(node) asking" : "\(node)") }
  }

  /// Nil for a key whose slot nobody holds.
  ///
  /// - Throws: `connectFailed` where no node answers.
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

  /// The same where each has to have one.
  ///
  /// - Throws: `connectFailed` also where nobody holds one of them.
  func knownHolders(of keys: [String]) async throws -> [Holder] {
    let holders = try await holders(of: keys)
    guard let missing = holders.firstIndex(of: nil) else { return holders.compactMap(\.self) }
    throw RedisError(.connectFailed, "no node of the Cluster holds the slot of \(keys[missing]); see CLUSTER INFO")
  }

  /// All masters.
  func nodes() async throws -> [RedisNode] { try await known().nodes }

  /// A node has sent us elsewhere for keys.
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

  /// Keys are not where they were said to have gone: whoever holds their slot is to be asked again.
  func returned(_ keys: [String]) {
    let gone = keys.filter { departed.removeValue(forKey: $0) != nil }
    if !gone.isEmpty { changed.raise() }
  }

  /// A node does not answer: its replica may take over.
  func suspect() {
    suspectUntil = .now.advanced(by: Self.failureStreak)
    suspected.raise()
  }

  /// Somebody believes a key to be elsewhere than it is.
  func serversChanged() { changed.raise() }

  /// Returns when keys may be elsewhere than the last call knew, with all who hold some. One caller at a time; no change is lost between calls.
  func rearranged() async throws -> Set<Holder> {
    while changed.generation == told {
      let heard = suspected.generation
      let seen = told
      let (next, isUrgent) = (ContinuousClock.now.advanced(by: patience), patience < Self.interval)
      await withTaskGroup { [changed, suspected] group in
        group.addTask { await changed.wait(after: seen, until: next) }
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

  /// How old the map may become.
  private var patience: Duration { suspectUntil > .now || !departed.isEmpty ? Self.shortInterval : Self.interval }

  /// Not everybody who asks follows changes: the map is asked for anew where it is too old.
  private func known() async throws -> SlotMap {
    if let map, refreshedAt.duration(to: .now) < patience { return map }
    do {
      try await refresh(first: [])
    } catch {
      // What was known may still be true.
      guard let map else { throw error }
      return map
    }
    return map ?? SlotMap()
  }

  /// Calls that come while one is under way share it. Nodes are asked in turn: one that is cut off from the others would tell for ever what was.
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
    // Arrived, or on no way any more that we know of.
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
  /// For a node that holds keys, in the way in which it is to be asked for them.
  func at(_ holder: ClusterTopology.Holder) -> RedisConfiguration {
    var configuration = at(holder.node)
    configuration.clusterManners = .init(asks: holder.asks)
    return configuration
  }
}
