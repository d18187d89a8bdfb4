/// Waits until `condition` holds, asking again and again with growing pauses (5 to 200 ms).
///
/// This is the one place of the project that polls: what a foreign server or process does can only be asked.
/// Throws `ServerError` with code `deadline`, naming `what`, when it does not hold within the time; an error of the
/// condition ends the wait at once.
package func waitUntil(
  _ what: String, within limit: Duration = .seconds(180), isolation: isolated (any Actor)? = #isolation,
  condition: () async throws -> Bool
) async throws {
  let clock = ContinuousClock()
  let start = clock.now
  var pause = Duration.milliseconds(5)
  while true {
    if try await condition() { return }
    guard clock.now - start < limit else {
      throw ServerError(.deadline, "waited \(limit) in vain: \(what)")
    }
    try await clock.sleep(for: min(pause, limit))
    pause = min(pause * 2, .milliseconds(200))
  }
}
