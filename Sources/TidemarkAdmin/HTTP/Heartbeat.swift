internal import Synchronization

/// Whether something still makes progress, told at once by whether it has answered what it was asked before.
///
/// Each check asks anew where no question is under way, and waits for no answer: what is busy for a moment is alive, what has not
/// answered for longer than `patience` is not.
final class Heartbeat: Sendable {
  private let patience: Duration
  private let ask: @Sendable () async -> Void
  private let askedAt = Mutex<ContinuousClock.Instant?>(nil)

  init(patience: Duration, _ ask: @escaping @Sendable () async -> Void) {
    self.patience = patience
    self.ask = ask
  }

  func isBeating() -> Bool {
    let (since, isNew) = askedAt.withLock { askedAt in
      if let since = askedAt { return (since, false) }
      let now = ContinuousClock.now
      askedAt = now
      return (now, true)
    }
    if isNew {
      // Not a child of the request: that is answered now.
      Task {
        await ask()
        askedAt.withLock { $0 = nil }
      }
    }
    return isNew || since.duration(to: .now) < patience
  }
}
