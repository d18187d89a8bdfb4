import Foundation

/// Data goes to stdout, everything else to stderr.
enum Console {
  static func print(_ text: String, terminator: String = "\n") {
    FileHandle.standardOutput.write(Data((text + terminator).utf8))
  }

  /// One line of what, where and the mend.
  static func error(_ text: String) {
    FileHandle.standardError.write(Data(("tidemark: " + text + "\n").utf8))
  }

  /// For people who watch.
  static func note(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }

  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}
