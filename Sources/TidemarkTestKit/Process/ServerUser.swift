import Foundation

/// The user that Postgres runs as. It refuses to run as root.
package struct ServerUser: Sendable, Hashable {
  package let name: String
  package let userID: UInt32
  package let groupID: UInt32

  /// Nil when our own user will do; the system's `postgres` when we are root. Throws when we are root and there is none.
  package static func forPostgres() throws -> ServerUser? {
    guard geteuid() == 0 else { return nil }
    // getpwnam's answer is overwritten by the next call of any thread: copied at once.
    guard let entry = getpwnam("postgres")?.pointee else {
      throw TestKitError(
        .startFailed, "PostgreSQL refuses to run as root and there is no user `postgres`: install its package, or run as another user")
    }
    return ServerUser(name: "postgres", userID: entry.pw_uid, groupID: entry.pw_gid)
  }

  /// The command that becomes `program` as this user.
  ///
  /// Through `setpriv`, not through Subprocess' own options: those call setgroups and setuid between fork and exec, and glibc then waits,
  /// now and then for ever, for a thread that was being created in the parent while it forked (nptl's setxid_mark_thread).
  func command(_ program: String, _ arguments: [String]) -> (program: String, arguments: [String]) {
    let identity = ["--reuid", "\(userID)", "--regid", "\(groupID)", "--clear-groups", "--"]
    return ("/usr/bin/setpriv", identity + [program] + arguments)
  }

  /// Gives `path` to this user.
  package func own(_ path: String) throws {
    guard chown(path, userID, groupID) == 0 else {
      throw TestKitError(.resource, "cannot give \(path) to the user \(name): \(String(cString: strerror(errno)))")
    }
  }
}
