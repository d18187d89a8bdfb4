import Synchronization

/// Writes log lines to standard error. Lines that can't be written (a full disk, a closed pipe) are counted, and the next line that can be
/// written is preceded by the count. Calls may come from any task.
final class LogStream: Sendable {
  static let shared = LogStream { StandardStream.error.write($0) == nil }

  private let lost = Mutex(0)
  private let isWritten: @Sendable (String) -> Bool

  /// - Parameter isWritten: writes a text and returns whether that succeeded.
  init(isWritten: @escaping @Sendable (String) -> Bool) {
    self.isWritten = isWritten
  }

  /// - Parameter notice: returns the line that reports the number of lost lines.
  func write(_ line: String, notice: (Int) -> String) {
    lost.withLock { lost in
      if lost > 0, isWritten(notice(lost) + "\n") { lost = 0 }
      if lost > 0 || !isWritten(line + "\n") { lost += 1 }
    }
  }
}
