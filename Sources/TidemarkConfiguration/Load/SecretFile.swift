/// A file that holds a secret, named by a variable that ends in `_FILE`.
package struct SecretFile: Sendable {
  package let path: String
  private let fileSystem: any ConfigurationFileSystem

  package init(_ path: String, fileSystem: any ConfigurationFileSystem = LocalFileSystem()) {
    self.path = path
    self.fileSystem = fileSystem
  }

  /// What it holds now. Nil where it can't be read, is empty or is not UTF-8: somebody is about to replace it.
  package func read() -> String? {
    guard let bytes = try? fileSystem.contents(of: path), let text = Self.text(bytes), !text.isEmpty else { return nil }
    return text
  }

  /// Editors end a file with a newline, which is no part of a password. Only one: a second is there on purpose. Nil for what is not UTF-8.
  static func text(_ bytes: [UInt8]) -> String? {
    guard var text = String(validating: bytes, as: UTF8.self) else { return nil }
    if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
    return text
  }
}
