package import TidemarkServers

/// Slots that change their node.
extension RedisCluster {
  /// How far a slot has been moved.
  package enum MoveStep: Sendable, Hashable {
    /// The target takes those who come with ASKING; nobody is sent there yet.
    case importing
    /// The source sends those who ask for a key that it has not (any more) to the target.
    case migrating
    /// So many keys have gone to the target, the rest is at the source.
    case moved(keys: Int)
    /// The target calls the slot its own.
    case ownedByTarget
    /// The source knows it, too: it answers MOVED.
    case leftSource
  }

  /// Moves `slot` to the master `target` step by step, and waits until all nodes know. `batch` keys are moved at a time.
  ///
  /// `afterStep` is called between the steps: a test may write while the slot is half moved. The keys of the slot must not hold
  /// line ends.
  package func move(
    slot: Int, to target: RedisServer, batch: Int = 10, isolation: isolated (any Actor)? = #isolation,
    afterStep: (MoveStep) async throws -> Void = { _ in }
  ) async throws {
    let source = try await master(of: slot)
    guard source !== target else { return }
    let (sourceID, targetID) = (try await id(of: source), try await id(of: target))
    // In this order: a slot that migrates to a node that does not import it would lose its writers for a moment.
    try await target.command("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", sourceID)
    try await afterStep(.importing)
    try await source.command("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", targetID)
    try await afterStep(.migrating)
    var moved = 0
    while true {
      let keys = try await source.command("CLUSTER", "GETKEYSINSLOT", "\(slot)", "\(batch)").split(separator: "\n").map(String.init)
      if keys.isEmpty { break }
      try await source.command(["MIGRATE", "127.0.0.1", "\(target.port)", "", "0", "5000", "KEYS"] + keys)
      moved += keys.count
      try await afterStep(.moved(keys: moved))
    }
    // The target first, or the slot would for a moment be nobody's.
    try await target.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", targetID)
    try await afterStep(.ownedByTarget)
    try await source.command("CLUSTER", "SETSLOT", "\(slot)", "NODE", targetID)
    try await afterStep(.leftSource)
    try await waitUntilSettled()
  }

  /// Moves `count` slots, with their keys, from one master to another, as an operator does (redis-cli --cluster reshard);
  /// clients may go on meanwhile. Waits until all nodes know.
  package func reshard(slots count: Int, from source: RedisServer, to target: RedisServer) async throws {
    // It refuses to begin where nodes do not agree.
    try await waitUntilSettled()
    let (sourceID, targetID) = (try await id(of: source), try await id(of: target))
    try await RedisServer.client.output(
      ["--cluster", "reshard", "127.0.0.1:\(source.port)", "--cluster-from", sourceID, "--cluster-to", targetID]
        + ["--cluster-slots", "\(count)", "--cluster-yes"])
    try await waitUntilSettled()
  }
}
