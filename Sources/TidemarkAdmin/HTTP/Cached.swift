/// A value that is fetched again when it is older than a moment. Whoever asks meanwhile waits for the same fetch, so that many who ask
/// cost the server one question.
actor Cached<Value: Sendable> {
  private let age: Duration
  private let fetch: @Sendable () async -> Value
  private var known: (value: Value, at: ContinuousClock.Instant)?
  private var fetching: Task<Value, Never>?
  private var waiters: [Int: CheckedContinuation<Value?, Never>] = [:]
  private var nextWaiter = 0

  /// - Parameter fetch: ends by its own deadline.
  init(for age: Duration, _ fetch: @escaping @Sendable () async -> Value) {
    self.age = age
    self.fetch = fetch
  }

  var value: Value {
    get async {
      if let known, known.at.duration(to: .now) < age { return known.value }
      if let fetching { return await fetching.value }
      // Not a child of whoever asked first: that request may be given up while others wait.
      let task = Task { await fetch() }
      fetching = task
      let value = await task.value
      known = (value, .now)
      fetching = nil
      for waiter in waiters.values { waiter.resume(returning: value) }
      waiters.removeAll()
      return value
    }
  }

  /// The same where the fetch has no deadline of its own; nil when it takes longer than `patience`. It goes on then.
  func value(within patience: Duration) async -> Value? {
    if let known, known.at.duration(to: .now) < age { return known.value }
    let number = nextWaiter
    nextWaiter += 1
    let deadline = Task {
      try await Task.sleep(for: patience)
      giveUp(number)
    }
    defer { deadline.cancel() }
    return await withCheckedContinuation { waiter in
      waiters[number] = waiter
      if fetching == nil { Task { await value } }
    }
  }

  private func giveUp(_ number: Int) {
    waiters.removeValue(forKey: number)?.resume(returning: nil)
  }
}
