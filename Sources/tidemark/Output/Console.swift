import Foundation
import TidemarkCore

/// Writes data to standard output and everything else to standard error.
///
/// All output of commands goes through this type, which escapes text that was not escaped earlier, so that no text of a producer or a
/// server can control the terminal.
enum Console {
  static func print(_ text: String, terminator: String = "\n") {
    StandardStream.output.write(ForeignText.lines(text) + terminator)
  }

  /// Writes one line to standard error that says what is wrong, where, and how to fix it.
  static func error(_ text: String) {
    StandardStream.error.write("tidemark: " + ForeignText.line(text) + "\n")
  }

  /// Writes a message for people to standard error.
  static func note(_ text: String) {
    StandardStream.error.write(ForeignText.lines(text) + "\n")
  }

  /// Clears the terminal and moves to its first line, so that a refreshed table stays in place; does nothing if the output is not a
  /// terminal.
  static func clear() {
    if isatty(STDOUT_FILENO) == 1 { StandardStream.output.write("\u{1B}[H\u{1B}[2J") }
  }

  /// The number of lines of the terminal on standard output; nil if the output is not a terminal.
  static var height: Int? {
    var size = winsize()
    guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return nil }
    return Int(size.ws_row)
  }

  /// Whether a reader can still receive data; a command that prints continuously ends when this is false.
  static var isReadable: Bool { StandardStream.output.firstFailure == nil }

  /// Returns the exit code of a command that would end with `code`: 1, with a line that says why, if its data could not be written. A
  /// reader that closes the pipe early is not an error.
  static func exitCode(_ code: Int32) -> Int32 {
    guard case .refused(let number)? = StandardStream.output.firstFailure else { return code }
    error("standard output can't be written: \(String(cString: strerror(number))); free space there, or redirect it elsewhere")
    return code == 0 ? 1 : code
  }
}
