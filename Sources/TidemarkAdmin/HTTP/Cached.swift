/// Caches a value for a short time. Callers that ask while a fetch is running share that fetch, so many callers cost the server one query.
actor Cached<Value: Sendable> {
  private let age: Duration
  private let fetch: @Sendable () async -> Value
  private var known: (value: Value, at: ContinuousClock.Instant)?
  private var fetching: Task<Value, Never>?
  private var waiters: [Int: CheckedContinuation<Value?, Never>] = [:]
  private var nextWaiter = 0

  /// - Parameter fetch: must end by its own deadline.
  init(for age: Duration, _ fetch: @escaping @Sendable () async -> Value) {
    self.age = age
    self.fetch = fetch
  }

  var value: Value {
    get async {
      if let known, known.at.duration(to: .now) < age { return known.value }
      if let fetching { return await fetching.value }
      // The fetch is not a child of the first caller's task, which may be cancelled while others wait.
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

  /// Returns the value of a fetch that has no deadline; nil if it takes longer than `patience`. The fetch then continues.
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
