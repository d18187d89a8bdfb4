import Foundation
import Synchronization

/// The one temporary folder of this process; everything temporary that these servers need lies inside it.
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
      throw ServerError(.resource, "cannot make the folder \(folder): \(String(cString: strerror(errno)))")
    }
    return folder
  }

  /// A path in here that was never given before; nothing is made.
  package func newPath(_ kind: String) -> String {
    "\(path)/\(kind)-\(next.wrappingAdd(1, ordering: .relaxed).oldValue)"
  }

  /// Removes a folder in here; what is gone already is no error. Runs to its end even when the calling task is cancelled.
  ///
  /// By `rm`, which follows no link whatever happens meanwhile: the folder may belong to a server's user.
  package func remove(_ folder: String) async {
    guard folder.hasPrefix(path + "/") else { return }
    await Task { _ = try? await Program.find(["rm"], package: "coreutils").run(["-rf", "--", folder]) }.value
  }

  private static func make() async throws -> ScratchSpace {
    // Not TMPDIR: a Unix socket's path is at most 107 bytes, and TMPDIR may be closed to other users.
    var template = Array("/tmp/tidemark-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw ServerError(.resource, "cannot make a folder in /tmp: \(String(cString: strerror(errno)))")
    }
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    try letOthersPass(path)
    _ = try await SupervisedProcess.launch(janitor: path)
    return ScratchSpace(path: path)
  }

  /// Through a descriptor: in a /tmp without its sticky bit the name could lead elsewhere by now.
  private static func letOthersPass(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    defer { close(descriptor) }
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_uid == geteuid(), fchmod(descriptor, 0o711) == 0 else {
      throw ServerError(.resource, "cannot let other users pass \(path): somebody replaced it, or \(String(cString: strerror(errno)))")
    }
  }
}
