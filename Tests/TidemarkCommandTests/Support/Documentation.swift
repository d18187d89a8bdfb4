import Foundation

/// The documentation as a reader has it.
enum Documentation {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The lines of a page that begin with this.
  static func lines(_ beginning: String, in page: String = "README.md") throws -> [String] {
    try String(contentsOfFile: "\(root)/\(page)", encoding: .utf8).components(separatedBy: "\n").filter { $0.hasPrefix(beginning) }
  }
}
