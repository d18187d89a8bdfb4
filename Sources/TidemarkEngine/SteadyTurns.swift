internal import Logging

/// Work that comes again and again, in turns, until its task is cancelled. A turn that fails is followed by the next one as any other; of several
/// in a row that fail the first is said.
struct SteadyTurns: Sendable {
  /// Between the end of a turn and the beginning of the next.
  let interval: Duration
  /// What is said of a failure.
  let event: String
  let logger: Logger

  func run(_ turn: () async throws -> Void) async {
    var isFailing = false
    while !Task.isCancelled {
      do {
        try await turn()
        isFailing = false
      } catch {
        if !isFailing, !Task.isCancelled { logger.debug("\(event)", metadata: ["reason": "\(error)"]) }
        isFailing = true
      }
      try? await Task.sleep(for: interval)
    }
  }
}
