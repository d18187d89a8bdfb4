import Foundation

/// The last lines that a server wrote, for the error that says why it did not start.
package enum ServerLog {
  package static func tail(_ path: String, lines: Int = 8) -> String {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(lines).joined(separator: " | ")
  }

  /// Whether its last lines complain that the port is taken.
  static func portIsTaken(_ path: String) -> Bool {
    tail(path, lines: 20).lowercased().contains("address already in use")
  }
}
