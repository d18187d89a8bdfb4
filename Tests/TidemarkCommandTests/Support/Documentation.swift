import Foundation

/// The documentation in the repository.
enum Documentation {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Returns the lines of a page that begin with this text.
  static func lines(_ beginning: String, in page: String = "README.md") throws -> [String] {
    try String(contentsOfFile: "\(root)/\(page)", encoding: .utf8).components(separatedBy: "\n").filter { $0.hasPrefix(beginning) }
  }
}
