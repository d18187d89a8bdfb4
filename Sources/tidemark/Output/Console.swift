import Foundation

/// Data goes to standard output, everything else to standard error.
enum Console {
  static func print(_ text: String, terminator: String = "\n") {
    StandardStream.output.write(text + terminator)
  }

  /// One line of what, where and how to fix it.
  static func error(_ text: String) {
    StandardStream.error.write("tidemark: " + text + "\n")
  }

  /// For people who watch.
  static func note(_ text: String) {
    StandardStream.error.write(text + "\n")
  }

  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

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
