/// A value that is fetched again when it is older than a moment. Whoever asks meanwhile waits for the same fetch, so that many who ask
/// cost the server one question.
actor Cached<Value: Sendable> {
  private let age: Duration
  private let fetch: @Sendable () async -> Value
  private var known: (value: Value, at: ContinuousClock.Instant)?
  private var fetching: Task<Value, Never>?

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
      return value
    }
  }
}
