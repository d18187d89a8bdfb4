internal import Synchronization

/// How long one round trip to Postgres may take before the client gives up on it.
///
/// The server ends a statement that takes too long by itself (`statement_timeout`) and says so. The client's deadline is for a server that does
/// not answer at all. A round trip may hold several statements, each of which may take the server's whole limit, but nobody wants to wait
/// for all of them before a dead server is noticed. So the first attempt gets less, and an attempt after one that was given up twice as
/// much, until everything that the server allows is allowed: what a slow server can do within its own limits is done in the end.
struct CallDeadline: Sendable, Equatable {
  /// The server's limit for each statement.
  private let statementTimeout: Duration
  /// The deadline of the first attempt.
  private let first: Duration
  /// The time that an answer may be late, beyond what the server allows.
  private let patience: Duration
  /// Attempts that were given up since the last answer.
  private var misses = 0

  init(statementTimeout: Duration, first: Duration, patience: Duration) {
    self.statementTimeout = statementTimeout
    self.first = first
    self.patience = patience
  }

  /// The deadline of a round trip that holds so many statements.
  func limit(statements: Int = 1) -> Duration {
    let allowed = statementTimeout * max(1, statements) + patience
    // Doubled so often, a second is longer than any limit that can be set.
    return min(allowed, first * (1 << min(misses, 20)))
  }

  /// Takes note of how a round trip ended; nil: well.
  mutating func ended(_ error: PostgresError?) {
    if error?.kind == .timeout {
      misses += 1
    } else if error == nil || error?.sqlstate != nil {
      // The server answered, be it with an error.
      misses = 0
    }
  }
}

/// A ``CallDeadline`` for calls from several tasks.
final class SharedCallDeadline: Sendable {
  private let state: Mutex<CallDeadline>

  init(_ deadline: CallDeadline) {
    state = Mutex(deadline)
  }

  /// Runs a round trip of one statement with the deadline that it has now.
  func during<T>(isolation: isolated (any Actor)? = #isolation, _ call: (Duration) async throws -> T) async throws -> T {
    do {
      let result = try await call(state.withLock { $0.limit() })
      state.withLock { $0.ended(nil) }
      return result
    } catch let error as PostgresError {
      state.withLock { $0.ended(error) }
      throw error
    }
  }
}
