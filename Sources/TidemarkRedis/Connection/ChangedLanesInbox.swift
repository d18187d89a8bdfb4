internal import Synchronization
internal import TidemarkCore

/// Collects the names that a doorbell's connection delivers until they are requested. It is bounded; beyond the bound it only records that
/// many lanes changed.
final class ChangedLanesInbox: Sendable {
  private static let limit = 1 << 16

  private struct State {
    var names: Set<String> = []
    var isOverfull = false
    var failure: RedisError?
    var isCancelled = false
    var waiter: CheckedContinuation<ChangedLanes, any Error>?

    /// Returns the changes that a caller gets at once; nil if there are none.
    mutating func take() -> Result<ChangedLanes, any Error>? {
      if isCancelled { return .failure(CancellationError()) }
      if let failure { return .failure(failure) }
      defer {
        names.removeAll(keepingCapacity: names.count < 1024)
        isOverfull = false
      }
      if isOverfull { return .success(.any) }
      return names.isEmpty ? nil : .success(.of(Array(names)))
    }
  }

  private let state = Mutex(State())

  /// Receives a message of the invalidation channel, or the connection's end. Called on the connection's event loop.
  func receive(_ event: Result<RedisConnection.Message, RedisError>) {
    switch event {
    case .success(let message): deliver(message.payload.elements)
    case .failure(let error): change { $0.failure = $0.failure ?? error }
    }
  }

  /// Stores changed keys; nil means all keys.
  private func deliver(_ keys: [RedisReply]?) {
    change { state in
      guard let keys, state.names.count + keys.count <= Self.limit else {
        state.isOverfull = true
        state.names = []
        return
      }
      for key in keys {
        // A name that is not UTF-8 can't be a lane.
        if let name = key.text { state.names.insert(name) }
      }
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let resumption = state.withLock { state -> (CheckedContinuation<ChangedLanes, any Error>, Result<ChangedLanes, any Error>)? in
      body(&state)
      guard let waiter = state.waiter, let result = state.take() else { return nil }
      state.waiter = nil
      return (waiter, result)
    }
    if let (waiter, result) = resumption { waiter.resume(with: result) }
  }

  /// Returns all changes since the last call; waits for the first one. Only one caller at a time.
  func next() async throws -> ChangedLanes {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result = state.withLock { state in
          let result = state.take()
          if result == nil { state.waiter = continuation }
          return result
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      change { $0.isCancelled = true }
    }
  }
}
