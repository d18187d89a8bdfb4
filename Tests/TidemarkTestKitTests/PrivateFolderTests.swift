import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Tests which folders a server accepts, and attacks in which another user puts something in a folder's place.
struct PrivateFolderTests {
  /// Creates a folder like /tmp: every user may write in it, and none may rename another user's files.
  private func shared(mode: mode_t = 0o1777) async throws -> String {
    let folder = try await ScratchSpace.current().folder("shared")
    chmod(folder, mode)
    return folder
  }

  private func status(_ path: String) throws -> (owner: uid_t, mode: mode_t) {
    var status = stat()
    try #require(lstat(path, &status) == 0, "\(path) is there")
    return (status.st_uid, status.st_mode & 0o7777)
  }

  private func refusal(_ path: String, for user: ServerUser? = nil) throws -> String {
    do {
      _ = try PrivateFolder.make(path, for: user)
      Issue.record("\(path) is not refused")
      return ""
    } catch let error as ServerError {
      return error.message
    }
  }

  /// Another user, who attacks; nil when this process is not root's and can't change its user.
  private var stranger: ServerUser? {
    get throws {
      let user = try ServerUser.forPostgres()
      if user == nil { print("not root: what another user plants can't be tested here, only what this one does") }
      return user
    }
  }

  private func run(_ program: String, _ arguments: String..., as user: ServerUser? = nil) async throws {
    try await Program.find([program], package: "coreutils").output(arguments, user: user)
  }

  @Test func `a link in a shared folder is never followed`() async throws {
    let place = try await shared()
    let victim = try await ScratchSpace.current().folder("victim")
    chmod(victim, 0o750)
    let before = try status(victim)
    try await run("ln", "-s", victim, "\(place)/tidemark", as: try stranger)
    let user = try ServerUser.forRedis()
    for path in ["\(place)/tidemark", "\(place)/tidemark/redis"] {
      #expect(try refusal(path, for: user).contains("\(place)/tidemark is a symbolic link"))
    }
    #expect(try status(victim) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: victim).isEmpty)
  }

  @Test func `a server refuses a folder that is another user's link, and leaves its target unchanged`() async throws {
    let place = try await shared()
    let victim = try await ScratchSpace.current().folder("victim")
    let before = try status(victim)
    try await run("ln", "-s", victim, "\(place)/redis", as: try stranger)
    try await run("ln", "-s", victim, "\(place)/postgres", as: try stranger)
    await #expect(throws: ServerError.self) { try await withRedis(.init(directory: "\(place)/redis")) { _ in } }
    await #expect(throws: ServerError.self) { try await withPostgres(.init(directory: "\(place)/postgres")) { _ in } }
    #expect(try status(victim) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: victim).isEmpty)
  }

  @Test func `a folder that another user made is refused`() async throws {
    guard let stranger = try stranger else { return }
    let place = try await shared()
    try await run("mkdir", "-p", "\(place)/tidemark/redis", as: stranger)
    #expect(try refusal("\(place)/tidemark").contains("belongs to the user \(stranger.name)"))
    #expect(try refusal("\(place)/tidemark/redis", for: stranger).contains("\(place)/tidemark belongs to the user \(stranger.name)"))
    #expect(try status("\(place)/tidemark").owner == stranger.userID)
  }

  @Test func `a folder that others can write is refused`() async throws {
    let place = try await shared(mode: 0o755)
    _ = try PrivateFolder.make("\(place)/data")
    chmod("\(place)/data", 0o777)
    #expect(try refusal("\(place)/data").contains("can be written by other users"))
    // Without the sticky bit other users may rename files in the folder.
    let open = try await shared(mode: 0o777)
    #expect(try refusal("\(open)/data").contains("\(open) can be written by other users"))
    #expect(!FileManager.default.fileExists(atPath: "\(open)/data"))
  }

  @Test func `a file in the place of the folder is refused`() async throws {
    let place = try await shared(mode: 0o755)
    try await run("touch", "\(place)/data")
    #expect(try refusal("\(place)/data").contains("is no folder"))
    #expect(try refusal("\(place)/data/below").contains("is no folder"))
    #expect(throws: ServerError.self) { try PrivateFolder.make("relative/path") }
    #expect(throws: ServerError.self) { try PrivateFolder.make("/") }
  }

  @Test func `a folder is made for its user and found again`() async throws {
    let user = try ServerUser.forRedis()
    let place = try await shared()
    let path = try PrivateFolder.make("\(place)/made/below/redis", for: user)
    #expect(path == "\(place)/made/below/redis")
    #expect(try status(path) == (user?.userID ?? geteuid(), 0o700))
    // The server's user must be able to enter the folder, and no other user may write in it.
    #expect(try status("\(place)/made") == (geteuid(), user == nil ? 0o700 : 0o755))
    try await run("touch", "\(path)/kept", as: user)
    #expect(try PrivateFolder.make("\(place)/./made/other/../below/redis", for: user) == path)
    #expect(FileManager.default.fileExists(atPath: "\(path)/kept"))
  }

  @Test func `links of the process's own user are followed`() async throws {
    let place = try await shared(mode: 0o755)
    try await run("mkdir", "\(place)/real")
    try await run("ln", "-s", "real", "\(place)/relative")
    try await run("ln", "-s", "\(place)/relative", "\(place)/absolute")
    try await run("ln", "-s", "loop", "\(place)/loop")
    #expect(try PrivateFolder.make("\(place)/absolute/data") == "\(place)/real/data")
    #expect(try refusal("\(place)/loop/data").contains("too many symbolic links"))
  }

  @Test func `an interrupted start is resumed, and foreign files are refused`() async throws {
    guard let user = try ServerUser.forRedis() else { return }
    let place = try await shared(mode: 0o755)
    try await run("mkdir", "\(place)/empty", "\(place)/full")
    try await run("touch", "\(place)/full/dump.rdb")
    #expect(try status(PrivateFolder.make("\(place)/empty", for: user)).owner == user.userID)
    #expect(try refusal("\(place)/full", for: user).contains("belongs to the user root, not to \(user.name)"))
    #expect(try status("\(place)/full").owner == 0)
  }
}
