internal import Synchronization

/// Tells without waiting whether something is still making progress, by whether it has answered the previous question.
///
/// Each check asks a new question if none is pending. Something that is busy for a moment is alive; something that has not answered for
/// longer than `patience` is not.
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
      // The task is not a child of the request, which is answered at once.
      Task {
        await ask()
        askedAt.withLock { $0 = nil }
      }
    }
    return isNew || since.duration(to: .now) < patience
  }
}
