/// A file that holds a secret, named by a variable that ends in `_FILE`.
package struct SecretFile: Sendable {
  package let path: String
  private let fileSystem: any ConfigurationFileSystem

  package init(_ path: String, fileSystem: any ConfigurationFileSystem = LocalFileSystem()) {
    self.path = path
    self.fileSystem = fileSystem
  }

  /// Returns the current secret. Nil if the file can't be read, is empty or is not UTF-8, which happens while it is being replaced.
  package func read() -> String? {
    guard let bytes = try? fileSystem.contents(of: path), let text = Self.text(bytes), !text.isEmpty else { return nil }
    return text
  }

  /// Returns the secret in the bytes; nil if they are not UTF-8. One newline at the end is removed, because editors add it; a second one is
  /// part of the secret.
  static func text(_ bytes: [UInt8]) -> String? {
    guard var text = String(validating: bytes, as: UTF8.self) else { return nil }
    if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
    return text
  }
}
