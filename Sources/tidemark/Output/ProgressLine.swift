import Foundation
import Synchronization
import TidemarkCore

/// One line on a terminal's standard error that shows progress; does nothing if standard error is not a terminal.
final class ProgressLine: Sendable {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let last = Mutex("")

  func show(_ text: String) {
    guard isTerminal else { return }
    let isNew = last.withLock { last in
      defer { last = text }
      return last != text
    }
    // The carriage return moves to the beginning of the line, and the escape sequence erases the rest of a longer text.
    if isNew { StandardStream.error.write("\r\(ForeignText.escaped(text))\u{1B}[K") }
  }

  func clear() {
    if isTerminal { StandardStream.error.write("\r\u{1B}[K") }
  }
}
