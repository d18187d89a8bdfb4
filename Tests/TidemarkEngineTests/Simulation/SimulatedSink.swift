@testable import TidemarkCore

/// One worker's connections to a ``SimulatedLedger``.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedSink: ChangeSink, @unchecked Sendable {
  let ledger: SimulatedLedger
  let network: SimulatedNetwork
  /// The machine that the ledger is on: what arrived there goes on whatever becomes of the worker.
  let server: SimulatedMachine

  init(_ ledger: SimulatedLedger, _ network: SimulatedNetwork, server: SimulatedMachine) {
    self.ledger = ledger
    self.network = network
    self.server = server
  }

  static func unreachable(isOutcomeUnknown: Bool = false) -> SinkError {
    var error = SinkError(.fault(.world), "the ledger is away", isOutcomeUnknown: isOutcomeUnknown)
    error.isUnreachable = true
    return error
  }

  /// Sends a request to the ledger. Throws where it is away.
  func reach() async throws {
    try await network.delay()
    guard !ledger.isAway else {
      try await network.timeOut()
      throw Self.unreachable()
    }
  }

  /// Sends a request, executes it there, and waits for the answer. It may be executed though no answer comes.
  func ask<Answer>(_ body: () throws -> Answer) async throws -> Answer {
    try await reach()
    let connections = ledger.connections
    let answer = try body()
    try await network.delay()
    guard connections == ledger.connections, !network.losesAnswer() else { throw Self.unreachable(isOutcomeUnknown: true) }
    return answer
  }

  func renew(_ worker: WorkerIdentity, canServe: Bool, for ttl: Duration) async throws -> LeaseGrant {
    try await ask { ledger.renew(worker.name, canServe: canServe, ttl: ttl) }
  }

  func leases(within ttl: Duration) async throws -> LeaseTable { try await ask { ledger.leases(within: ttl) } }

  func take(_ shards: [Int], for worker: WorkerIdentity, ttl: Duration) async throws -> LeaseGrant {
    try await ask { ledger.take(shards, for: worker.name, ttl: ttl) }
  }

  func release(_ shards: [Int], of worker: WorkerIdentity) async throws { try await ask { ledger.release(shards, of: worker.name) } }

  func leave(_ worker: WorkerIdentity) async throws { try await ask { ledger.leave(worker.name) } }

  func makeLeaseNews() throws -> any LeaseNews { SimulatedNews(signal: ledger.news) }

  func lanes(named names: [String]) async throws -> [LaneRecord] { try await ask { ledger.lanes(named: names) } }

  func begunLanes(of shards: [Int]) async throws -> [String] {
    try await ask { ledger.content.lanes.values.filter { shards.contains($0.shard) && $0.ordinal > 0 }.map(\.name).sorted() }
  }

  func ledger(of names: [String]) async throws -> LedgerReading {
    try await ask {
      LedgerReading(
        identity: LedgerIdentity(system: "simulated", timeline: "\(ledger.timeline)"), connection: "\(ledger.connections)",
        lanes: ledger.lanes(named: names))
    }
  }

  func register(_ lanes: [NewLane]) async throws { try await ask { ledger.register(lanes) } }

  func reclaim(_ lanes: [String], for worker: WorkerIdentity) async throws -> [LaneRecord] {
    try await ask { ledger.reclaim(lanes, for: worker.name) }
  }

  func itemsInEffect(_ streams: [String]) async throws -> [ItemInEffect] {
    try await ask { streams.compactMap { ledger.content.items[$0] } }
  }

  func putInEffect(_ item: NewItem, by worker: WorkerIdentity) async throws -> Bool { try await ask { ledger.putInEffect(item) } }

  func begin(_ incarnation: NewIncarnation) async throws {
    try await ask {
      guard ledger.begin(incarnation) else { throw SinkError(.fenced([incarnation.ended.laneID]), "fenced") }
    }
  }

  func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) async throws -> Bool {
    try await ask { ledger.raiseIncarnation(of: lane, to: incarnation) }
  }

  func recordBreak(_ lane: LaneRecord, _ replacement: StreamReplacement) async throws {}

  func mirrored(_ lanes: [LaneRecord]) async throws { try await ask { for lane in lanes { ledger.mirrored(lane) } } }

  func laneControls() async throws -> [LaneControl] { try await ask { [] } }
  func tuning() async throws -> [TunedSetting] { try await ask { [] } }
  func note(notInForce settings: String?, tuningRefused: String?, of worker: WorkerIdentity) async throws { try await ask {} }
  func note(_ states: [LaneNote]) async throws { try await ask {} }
  func noteUnknownTypes(_ types: [String: Int]) async throws {}
  func checkpoint(_ marks: [CheckpointMark], worker: WorkerIdentity) async throws { try await ask {} }
  func eventIDLanes() async throws -> (now: Int64, lanes: [EventIDRetention.Lane]) { (network.time.milliseconds, []) }
  func lanesOfLetters(resolvedBefore age: Duration) async throws -> [String] { [] }

  func remove(_ rule: RetentionRule, from place: RetentionPlace?, rows: Int) async throws -> RetentionPiece {
    try await ask { RetentionPiece(removed: 0, next: nil) }
  }

  func makeWriter() throws -> any ChangeWriter { SimulatedWriter(self) }
}

private struct SimulatedNews: LeaseNews {
  let signal: ChangeSignal

  func next() async throws {
    await signal.wait(after: signal.generation)
    try Task.checkCancellation()
  }

  func close() async {}
}
