import Foundation

/// Gives access to the files that a configuration is read from. Reading changes nothing and may be repeated.
package protocol ConfigurationFileSystem: Sendable {
  /// Returns the bytes of a file; nil if there is none. Throws if the file exists and can't be read.
  func contents(of path: String) throws(UnreadableFile) -> [UInt8]?
}

/// The error for a file that exists and can't be read.
package struct UnreadableFile: Error, Sendable {
  /// The system's description of the failure.
  package var reason: String

  package init(reason: String) {
    self.reason = reason
  }
}

/// Reads the files of this machine. Pipes work too, so that a shell can pass a secret that is in no file.
package struct LocalFileSystem: ConfigurationFileSystem {
  package init() {}

  package func contents(of path: String) throws(UnreadableFile) -> [UInt8]? {
    guard let file = fopen(path, "r") else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw UnreadableFile(reason: Self.reason(errno))
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      bytes += piece[..<count]
      // A wrong path (a disk, a log) must not exhaust the memory.
      if bytes.count > 16 << 20 { throw UnreadableFile(reason: "larger than 16 MiB") }
      if count == 0 { break }
    }
    if ferror(file) != 0 { throw UnreadableFile(reason: Self.reason(errno)) }
    return bytes
  }

  private static func reason(_ code: Int32) -> String {
    String(cString: strerror(code)).lowercased()
  }
}
