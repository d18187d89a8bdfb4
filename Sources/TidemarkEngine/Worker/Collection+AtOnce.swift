extension Collection where Element: Sendable {
  /// Runs `body` for all elements at once: one that waits keeps no other waiting. Throws one of the failures, once all are through.
  func forEachAtOnce(_ body: @escaping @Sendable (Element) async throws -> Void) async throws {
    // The usual case, without a task of its own.
    if count == 1, let first { return try await body(first) }
    let failure = await withTaskGroup(of: (any Error)?.self) { group in
      for element in self {
        group.addTask {
          do {
            try await body(element)
            return nil
          } catch {
            return error
          }
        }
      }
      return await group.reduce(nil) { $0 ?? $1 }
    }
    if let failure { throw failure }
  }
}
