internal import TidemarkCore

/// What is known of a Cluster: who holds which key, also while its slot is on the way from one node to another.
actor ClusterTopology {
  /// A Cluster tells nobody when it changes, so it is asked; a client that is redirected knows sooner.
  private static let interval = Duration.seconds(10)
  /// While a node does not answer, until its replica has taken over; and while a slot is on its way, until it has arrived.
  private static let shortInterval = Duration.milliseconds(500)
  private static let suspicion = Duration.seconds(5)

  private let directory: ClusterDirectory
  private var map: SlotMap?
  /// Keys that have left their slot's holder already.
  private var departed: [String: RedisNode] = [:]
  private var turn = 0
  private var suspectUntil = ContinuousClock.now
  private var refreshing: Task<SlotMap, any Error>?
  /// Raised when keys may be elsewhere.
  private let changed = ChangeSignal()
  private let suspected = ChangeSignal()

  init(_ configuration: RedisConfiguration) {
    directory = ClusterDirectory(configuration)
  }

  /// A node, and whether it is to be asked for a key that is not its own yet.
  struct Holder: Hashable, Sendable {
    var node: RedisNode
    var asks: Bool

    var server: LaneServer { LaneServer(asks ? "\(node) asking" : "\(node)") }
  }

  /// - Throws: `connectFailed` where no node answers, or nobody holds a key's slot.
  func holders(of keys: [String]) async throws -> [Holder] {
    let map = try await known()
    return try keys.map { key in
      if let node = departed[key] { return Holder(node: node, asks: true) }
      guard let node = map.node(of: key) else {
        suspect()
        throw RedisError(.connectFailed, "no node of the Cluster holds the slot of \(key); see CLUSTER INFO")
      }
      return Holder(node: node, asks: false)
    }
  }

  /// All masters.
  func nodes() async throws -> [RedisNode] { try await known().nodes }

  /// A node has sent us elsewhere for keys.
  func redirected(_ keys: [String], by redirection: Redirection) async throws {
    switch redirection {
    case .ask(let slot, let node):
      for key in keys where SlotMap.slot(of: key) == slot { departed[key] = node }
      changed.raise()
    case .moved(let slot, let node):
      for key in keys where SlotMap.slot(of: key) == slot { departed[key] = nil }
      try await refresh(first: [node])
    }
  }

  /// Keys are not where they were said to have gone: whoever holds their slot is to be asked again.
  func returned(_ keys: [String]) {
    for key in keys { departed[key] = nil }
    changed.raise()
  }

  /// A node does not answer: its replica may take over.
  func suspect() {
    suspectUntil = .now.advanced(by: Self.suspicion)
    suspected.raise()
  }

  /// Returns when keys may be elsewhere, with all who hold some.
  func rearranged() async throws -> Set<Holder> {
    let seen = changed.generation
    while changed.generation == seen {
      let heard = suspected.generation
      let isSuspect = suspectUntil > .now || !departed.isEmpty
      let next = ContinuousClock.now.advanced(by: isSuspect ? Self.shortInterval : Self.interval)
      await withTaskGroup { [changed, suspected] group in
        group.addTask { await changed.wait(after: seen, until: next) }
        if !isSuspect { group.addTask { await suspected.wait(after: heard) } }
        await group.next()
        group.cancelAll()
      }
      try Task.checkCancellation()
      if changed.generation == seen { try await refresh(first: []) }
    }
    return Set((map?.nodes ?? []).map { Holder(node: $0, asks: false) } + departed.values.map { Holder(node: $0, asks: true) })
  }

  private func known() async throws -> SlotMap {
    if let map { return map }
    try await refresh(first: [])
    return map ?? SlotMap()
  }

  /// Calls that come while one is under way share it. Nodes are asked in turn: one that is cut off from the others would tell for ever what was.
  private func refresh(first: [RedisNode]) async throws {
    if let refreshing {
      _ = try await refreshing.value
      return
    }
    turn += 1
    let nodes = map?.nodes ?? []
    let order = first + nodes.indices.map { nodes[($0 + turn) % nodes.count] }.filter { !first.contains($0) }
    let task = Task { [directory] in try await directory.slots(first: order) }
    refreshing = task
    defer { refreshing = nil }
    let fresh = try await task.value
    guard fresh != map else { return }
    defer { map = fresh }
    guard map != nil else { return }
    for (key, node) in departed where fresh.node(of: key) == node { departed[key] = nil }
    changed.raise()
  }
}
