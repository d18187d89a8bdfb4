import Foundation
import Synchronization

/// One initdb per process: its folder is copied for each temporary server.
enum PostgresTemplate {
  private static let shared = Mutex<Task<String, any Error>?>(nil)

  /// Makes `folder`, which is not there yet, a fresh data folder of `user`.
  static func fill(_ folder: String, user: ServerUser?) async throws {
    let task = shared.withLock { slot in
      if let task = slot { return task }
      let task = Task { try await make(user: user) }
      slot = task
      return task
    }
    let template = try await task.value
    try await Program.find(["cp"], package: "coreutils").output(["-a", "--", "\(template)/.", folder], user: user)
  }

  /// Makes `folder`, which is empty or not there yet, a data folder by initdb itself. Its files are synced to the disk when `isSynced`.
  static func initialize(_ folder: String, user: ServerUser?, isSynced: Bool) async throws {
    let programs = try PostgresPrograms.find()
    let arguments = ["-D", folder, "-U", "postgres", "--auth=trust", "--encoding=UTF8"] + (isSynced ? [] : ["--no-sync"])
    // C.UTF-8 is missing on some small systems; C orders the same and always exists.
    let first = try await programs.initdb.run(arguments + ["--locale=C.UTF-8"], user: user)
    if first.exitCode == 0 { return }
    try await programs.initdb.output(arguments + ["--locale=C"], user: user)
  }

  private static func make(user: ServerUser?) async throws -> String {
    let folder = try PrivateFolder.make(await ScratchSpace.current().newPath("postgres-template"), for: user)
    try await initialize(folder, user: user, isSynced: false)
    return folder
  }
}
