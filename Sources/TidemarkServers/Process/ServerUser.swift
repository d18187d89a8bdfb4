import Foundation

/// The user that a server runs as when this process is root's: Postgres refuses to run as root, and what can talk to a Redis that does
/// could write any file.
package struct ServerUser: Sendable, Hashable {
  package let name: String
  package let userID: UInt32
  package let groupID: UInt32

  /// Nil when our own user will do; the system's `postgres` when we are root. Throws when we are root and there is none.
  package static func forPostgres() throws -> ServerUser? {
    guard geteuid() == 0 else { return nil }
    // getpwnam's answer is overwritten by the next call of any thread: copied at once.
    guard let entry = getpwnam("postgres")?.pointee else {
      throw ServerError(
        .startFailed, "PostgreSQL refuses to run as root and there is no user `postgres`: install its package, or run as another user")
    }
    return ServerUser(name: "postgres", userID: entry.pw_uid, groupID: entry.pw_gid)
  }

  /// Nil when our own user will do; when we are root, the system's user for Redis or Valkey, else `nobody`.
  package static func forRedis() throws -> ServerUser? {
    guard geteuid() == 0 else { return nil }
    for name in ["redis", "valkey", "nobody"] {
      if let entry = getpwnam(name)?.pointee { return ServerUser(name: name, userID: entry.pw_uid, groupID: entry.pw_gid) }
    }
    throw ServerError(.startFailed, "Redis must not run as root and there is no user `redis`, `valkey` or `nobody`: run as another user")
  }

  /// The command that becomes `program` as this user.
  ///
  /// Through `setpriv`, not through Subprocess' own options: those call setgroups and setuid between fork and exec, and glibc then waits,
  /// now and then for ever, for a thread that was being created in the parent while it forked (nptl's setxid_mark_thread).
  func command(_ program: String, _ arguments: [String]) -> (program: String, arguments: [String]) {
    let identity = ["--reuid", "\(userID)", "--regid", "\(groupID)", "--clear-groups", "--"]
    return ("/usr/bin/setpriv", identity + [program] + arguments)
  }

  /// Gives the file or folder at `path`, which must lie in a folder that no other user can write, to this user.
  package func own(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fchown(descriptor, userID, groupID) == 0 else {
      throw ServerError(.resource, "cannot give \(path) to the user \(name): \(String(cString: strerror(errno)))")
    }
  }

  /// Root's own folders are closed to other users: says so, rather than let the server fail obscurely.
  func requireReach(_ folder: String, server: String) async throws {
    let outcome = try await Program.find(["test"], package: "coreutils").run(["-w", folder], user: self)
    guard outcome.exitCode == 0 else {
      throw ServerError(
        .resource, "the user \(name), which \(server) runs as, cannot reach \(folder): choose a folder below /var/lib, for example")
    }
  }
}
