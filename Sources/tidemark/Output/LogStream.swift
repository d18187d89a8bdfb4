import Synchronization

/// The lines of the log on their way to standard error. A line that can't be written (a full disk, a reader that is gone) is counted, and the
/// count is the first line once one can be written again. Calls may come from any task.
final class LogStream: Sendable {
  static let shared = LogStream { StandardStream.error.write($0) == nil }

  private let lost = Mutex(0)
  private let isWritten: @Sendable (String) -> Bool

  /// - Parameter isWritten: writes a text and returns whether that succeeded.
  init(isWritten: @escaping @Sendable (String) -> Bool) {
    self.isWritten = isWritten
  }

  /// - Parameter notice: the line that says how many lines were lost.
  func write(_ line: String, notice: (Int) -> String) {
    lost.withLock { lost in
      if lost > 0, isWritten(notice(lost) + "\n") { lost = 0 }
      if lost > 0 || !isWritten(line + "\n") { lost += 1 }
    }
  }
}
