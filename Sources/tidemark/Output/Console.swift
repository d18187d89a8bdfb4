import Foundation
import TidemarkCore

/// Data goes to standard output, everything else to standard error.
///
/// Whatever is shown goes through here, and nothing that a producer or a server said can steer the terminal: what was not escaped where
/// it was put into a line is escaped now.
enum Console {
  static func print(_ text: String, terminator: String = "\n") {
    StandardStream.output.write(ForeignText.lines(text) + terminator)
  }

  /// One line of what, where and how to fix it.
  static func error(_ text: String) {
    StandardStream.error.write("tidemark: " + ForeignText.line(text) + "\n")
  }

  /// For people who watch.
  static func note(_ text: String) {
    StandardStream.error.write(ForeignText.lines(text) + "\n")
  }

  /// Empties a terminal and goes to its first line, so that what is printed anew stands still; nothing elsewhere.
  static func clear() {
    if isatty(STDOUT_FILENO) == 1 { StandardStream.output.write("\u{1B}[H\u{1B}[2J") }
  }

  /// The lines of the terminal on standard output; nil where there is none.
  static var height: Int? {
    var size = winsize()
    guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return nil }
    return Int(size.ws_row)
  }

  /// Whether more data can still reach a reader: a command that prints on and on ends when it can't.
  static var isReadable: Bool { StandardStream.output.firstFailure == nil }

  /// The exit code of a command that would end with `code`: 1, with a line that says why, where its data could not be written. A reader that
  /// has seen enough is no fault.
  static func exitCode(_ code: Int32) -> Int32 {
    guard case .refused(let number)? = StandardStream.output.firstFailure else { return code }
    error("standard output can't be written: \(String(cString: strerror(number))); free space there, or send it elsewhere")
    return code == 0 ? 1 : code
  }
}
