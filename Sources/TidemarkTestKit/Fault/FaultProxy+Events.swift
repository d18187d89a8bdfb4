import NIOCore
import TidemarkServers

/// Waiting for what a fault proxy reports. An event that came before the wait counts; each counts once.
extension FaultProxy {
  /// Waits until a segment is held. Throws `ServerError` with code `deadline`, or `CancellationError`.
  @discardableResult
  package func held(within limit: Duration = .seconds(60)) async throws -> FaultEvent {
    try await next("a segment is held", within: limit) { if case .held = $0 { true } else { false } }
  }

  /// Waits until a segment is lost. Throws `ServerError` with code `deadline`, or `CancellationError`.
  @discardableResult
  package func lost(within limit: Duration = .seconds(60)) async throws -> FaultEvent {
    try await next("a segment is lost", within: limit) { if case .lost = $0 { true } else { false } }
  }

  private func next(_ what: String, within limit: Duration, _ accepts: @escaping (FaultEvent) -> Bool) async throws -> FaultEvent {
    if let event = events.take(accepts) { return event }
    let number = events.number()
    let deadline = loop.scheduleTask(in: TimeAmount(limit)) {
      self.assumeIsolated { $0.events.fail(number, ServerError(.deadline, "waited \(limit) in vain: \(what)")) }
    }
    defer { deadline.cancel() }
    return try await withTaskCancellationHandler {
      // This turn of the loop lasts until the wait is entered: neither the deadline nor a cancellation can come before.
      try await withCheckedThrowingContinuation { events.wait(number, for: accepts, wake: $0) }
    } onCancel: {
      loop.execute { self.assumeIsolated { $0.events.fail(number, CancellationError()) } }
    }
  }
}
