@testable import TidemarkCore

/// One writer's connection. What was sent over it may be executed long after the worker has given it up, until its backend is ended.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedWriter: ChangeWriter, @unchecked Sendable {
  /// A transaction that is on its way, or waits at the server.
  private final class Transaction: @unchecked Sendable {
    var isEnded = false
  }

  private let sink: SimulatedSink
  private var last: Transaction?

  init(_ sink: SimulatedSink) {
    self.sink = sink
  }

  let callers: (any TaskExecutor)? = nil

  func commit(_ batch: ChangeBatch, _ mode: CommitMode) async throws -> BatchOutcome {
    let (network, ledger) = (sink.network, sink.ledger)
    let transaction = Transaction()
    last = transaction
    try await sink.reach()
    if network.losesAnswer() {
      // The client takes the connection for dead; the server executes what has arrived, some time later.
      let (connections, time) = (ledger.connections, network.time)
      Task(executorPreference: sink.server) {
        try? await time.sleep(for: .milliseconds(time.seeded.below(2_000)))
        if !transaction.isEnded, ledger.connections == connections, !ledger.isAway { _ = try? ledger.commit(batch, mode) }
      }
      try await network.timeOut()
      throw SinkError(.fault(.world), "the connection has ended", isOutcomeUnknown: true)
    }
    return try await sink.ask { try ledger.commit(batch, mode) }
  }

  func dryRun(_ batch: ChangeBatch) async throws -> Bool { try await sink.ask { !batch.applied.isEmpty } }

  func settledLanes(_ laneIDs: [Int32]) async throws -> [LaneRecord] {
    try await sink.ask {
      last?.isEnded = true
      return sink.ledger.content.lanes.values.filter { laneIDs.contains($0.laneID) }
    }
  }

  func rejected(_ lane: String, after: EntryID, through: EntryID) async throws -> [DurableMark.Rejection] { [] }
  func close() async {}
}
