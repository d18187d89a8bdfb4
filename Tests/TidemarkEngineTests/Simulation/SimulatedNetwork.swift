@testable import TidemarkCore

/// What lies between one worker and the servers: it delays, loses answers while faults are on, and is cut when the worker dies.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedNetwork: @unchecked Sendable {
  let time: SimulatedTime
  /// The worker was killed: nothing that it sends arrives any more.
  var isCut = false
  /// Answers that are lost, of a thousand.
  var lostAnswers = 0

  init(_ time: SimulatedTime) {
    self.time = time
  }

  func chance(_ percent: Int) -> Bool { time.seeded.chance(percent) }

  func losesAnswer() -> Bool { time.seeded.below(1_000) < lostAnswers }

  /// Mostly a moment, now and then long.
  func delay() async throws {
    let longest = time.seeded.chance(2) ? 400 : 3
    try await time.sleep(for: .milliseconds(1 + time.seeded.below(longest)))
    try checkAlive()
  }

  func timeOut() async throws {
    try await time.sleep(for: .milliseconds(100 + time.seeded.below(900)))
    try checkAlive()
  }

  private func checkAlive() throws { if isCut { throw CancellationError() } }
}
