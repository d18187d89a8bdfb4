import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Tests what other users of this machine see of a server and can do with it.
struct ServerPrivacyTests {
  private func text(_ name: String, of pid: Int32) throws -> String {
    String(decoding: try #require(FileManager.default.contents(atPath: "/proc/\(pid)/\(name)")), as: UTF8.self)
  }

  private func owner(of pid: Int32) throws -> uid_t {
    let line = try #require(try text("status", of: pid).split(separator: "\n").first { $0.hasPrefix("Uid:") })
    return try #require(line.split(separator: "\t").dropFirst().first.flatMap { uid_t($0) })
  }

  /// Returns the process and the script that supervises it, because a server may overwrite its own environment with its title.
  private func withParent(_ pid: Int32) throws -> [Int32] {
    let line = try #require(try text("status", of: pid).split(separator: "\n").first { $0.hasPrefix("PPid:") })
    return [pid, try #require(line.split(separator: "\t").last.flatMap { Int32($0) })]
  }

  @Test func `no server runs as root`() async throws {
    try await withServers(postgres: .private) { servers in
      for pid in [try #require(servers.redis.pid), try #require(servers.postgres.pid)] {
        let owner = try owner(of: pid)
        #expect(owner != 0)
      }
    }
    try await withReplicatedRedis { redis in
      let pids = redis.sentinelPids + redis.servers.compactMap(\.pid)
      #expect(pids.count == 6)
      for pid in pids {
        let owner = try owner(of: pid)
        #expect(owner != 0)
      }
    }
  }

  @Test func `a password is required and shown to no user`() async throws {
    let password = "correcthorsebatterystaple"
    try await withRedis(.init(persistence: true, password: password)) { redis in
      #expect(redis.url == "redis://:\(password)@127.0.0.1:\(redis.port)/0")
      await #expect(throws: ServerError.self) { try await redis.command("PING") }
      #expect(try await redis.commands("SET a 1\nGET a\n") == "OK\n1")
      let pid = try #require(redis.pid)
      for pid in try withParent(pid) {
        for name in ["cmdline", "environ"] {
          let text = try text(name, of: pid)
          #expect(!text.contains(password))
        }
      }
      let file = try FileManager.default.attributesOfItem(atPath: "\(redis.directory)/redis.conf")
      #expect(file[.posixPermissions] as? Int == 0o600)
      let owner = try owner(of: pid)
      #expect(file[.ownerAccountID] as? UInt32 == owner)
      await redis.stop()
      try await redis.start()
      #expect(try await redis.commands("GET a") == "1")
    }
  }

  @Test func `a server gets only the environment variables that it needs to find programs`() async throws {
    // The shell itself sets the last three.
    let allowed: Set<Substring> = ["PATH", "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "TZ", "TMPDIR", "PWD", "SHLVL", "_"]
    try await withServers(postgres: .private) { servers in
      for server in [try #require(servers.redis.pid), try #require(servers.postgres.pid)] {
        let names = try withParent(server).flatMap { pid in
          try text("environ", of: pid).split(separator: "\0").compactMap { $0.split(separator: "=").first }
        }
        #expect(names.contains("PATH"))
        #expect(Set(names.filter { !$0.hasPrefix("LC_") }).isSubset(of: allowed), "\(names)")
      }
    }
  }
}
