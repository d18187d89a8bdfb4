internal import Synchronization
internal import TidemarkCore
internal import TidemarkRedis

/// Watches durable marks as an agent does, subscribed to the lanes' channels, and measures the lag of each change.
final class MarkWatch: Sendable {
  private struct State {
    var ledger: DurabilityLedger
    var lags = LagHistogram()
    var failure: RedisError?
    var signal: AsyncStream<Void>.Continuation?
  }

  private let lanes: [String: Int]
  private let state: Mutex<State>

  init(_ lanes: BuiltInLanes) {
    self.lanes = Dictionary(uniqueKeysWithValues: (0..<lanes.partitions).map { (lanes.keys.partition($0).durableChannel, $0) })
    state = Mutex(State(ledger: DurabilityLedger(lanes: lanes.partitions)))
  }

  /// Subscribes on a connection, which can't send other commands afterwards.
  func subscribe(on connection: RedisConnection) async throws {
    try await connection.subscribe(to: lanes.keys.sorted()) { [self] event in
      // The clock is read first, because any work before that would count as lag.
      let now = ContinuousClock.now
      switch event {
      case .failure(let error): fail(error)
      case .success(let message):
        guard let lane = lanes[message.channel], case .bulk(let mark) = message.payload, let id = EntryID(utf8: mark) else { return }
        durable(lane: lane, id: id, at: now)
      }
    }
  }

  /// Discards all records, so that the next measurement begins.
  func begin() {
    state.withLock { state in
      state.ledger = DurabilityLedger(lanes: lanes.count)
      state.lags = LagHistogram()
    }
  }

  func sent(lane: Int, id: EntryID, intended: ContinuousClock.Instant) {
    state.withLock { state in
      if let lag = state.ledger.sent(lane: lane, id: id, intended: intended) { state.lags.record(lag) }
    }
  }

  var lags: LagHistogram { state.withLock { $0.lags } }

  /// Waits until all sent changes are durable, and returns the moment when the last one became durable. No change may be sent meanwhile.
  func settled() async throws -> ContinuousClock.Instant {
    let (signals, signal) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    state.withLock { $0.signal = signal }
    // All changes may be durable already.
    signal.yield()
    for await _ in signals {
      let (outstanding, last, failure) = state.withLock { ($0.ledger.outstanding, $0.ledger.lastDurable, $0.failure) }
      if let failure { throw failure }
      if outstanding == 0 { return last ?? .now }
    }
    throw CancellationError()
  }

  private func durable(lane: Int, id: EntryID, at moment: ContinuousClock.Instant) {
    state.withLock { state in
      for lag in state.ledger.durable(lane: lane, id: id, at: moment) { state.lags.record(lag) }
      if state.ledger.outstanding == 0 { state.signal?.yield() }
    }
  }

  private func fail(_ error: RedisError) {
    state.withLock { state in
      state.failure = error
      state.signal?.yield()
    }
  }
}
