import Foundation
import Synchronization

/// The one temporary folder of this process; everything temporary that the kit makes lies inside it.
///
/// A janitor, a shell that waits for the end of this process, removes it, so that not even SIGKILL leaves files behind.
/// Other users may pass through it (mode 0711), since Postgres runs as its own user when we are root.
package final class ScratchSpace: Sendable {
  private static let shared = Mutex<Task<ScratchSpace, any Error>?>(nil)

  /// The folder's absolute path.
  package let path: String
  private let next = Atomic<Int>(1)

  private init(path: String) {
    self.path = path
  }

  /// The space of this process, made on first use.
  package static func current() async throws -> ScratchSpace {
    let task = shared.withLock { slot in
      if let task = slot { return task }
      let task = Task { try await make() }
      slot = task
      return task
    }
    return try await task.value
  }

  /// A new empty folder `kind-N`, mode 0700.
  package func folder(_ kind: String) throws -> String {
    let folder = newPath(kind)
    guard mkdir(folder, 0o700) == 0 else {
      throw TestKitError(.resource, "cannot make the folder \(folder): \(String(cString: strerror(errno)))")
    }
    return folder
  }

  /// A path in here that was never given before; nothing is made.
  func newPath(_ kind: String) -> String {
    "\(path)/\(kind)-\(next.wrappingAdd(1, ordering: .relaxed).oldValue)"
  }

  /// Makes sure that `folder` is there, closed to others. What is made above it has the usual mode: another user may have
  /// to pass through.
  static func makeClosedFolder(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TestKitError(.resource, "cannot make the folder \(folder): \(error.localizedDescription)")
    }
    chmod(folder, 0o700)
  }

  /// Removes a folder made by `folder(_:)`; what is gone already is no error.
  package func remove(_ folder: String) {
    guard folder.hasPrefix(path + "/") else { return }
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static func make() async throws -> ScratchSpace {
    // Not TMPDIR: a Unix socket's path is at most 107 bytes, and TMPDIR may be closed to other users.
    var template = Array("/tmp/tidemark-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw TestKitError(.resource, "cannot make a folder in /tmp: \(String(cString: strerror(errno)))")
    }
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    chmod(path, 0o711)
    _ = try await SupervisedProcess.launch(janitor: path)
    return ScratchSpace(path: path)
  }
}
