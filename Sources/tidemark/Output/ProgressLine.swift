import Foundation
import Synchronization
import TidemarkCore

/// One line on a terminal's standard error that says what is under way; nothing elsewhere.
final class ProgressLine: Sendable {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let last = Mutex("")

  func show(_ text: String) {
    guard isTerminal else { return }
    let isNew = last.withLock { last in
      defer { last = text }
      return last != text
    }
    // From the beginning of the line; what is left of a longer text is erased.
    if isNew { StandardStream.error.write("\r\(ForeignText.escaped(text))\u{1B}[K") }
  }

  func clear() {
    if isTerminal { StandardStream.error.write("\r\u{1B}[K") }
  }
}
