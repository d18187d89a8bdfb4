import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("The function library on a server", .serialized)
struct FunctionLibraryTests {
  private func withConnection(_ body: (RedisServer, RedisConnection) async throws -> Void) async throws {
    try await withRedis { server in
      let connection = try await RedisConnection.connect(try RedisConfiguration(url: server.url), name: "test")
      try await body(server, connection)
      await connection.close()
    }
  }

  /// Loads another version of the library, as another release would.
  private func load(version: Int, _ library: FunctionLibrary, on connection: RedisConnection) async throws {
    let code = library.source.replacing("\nlocal VERSION = \(FunctionLibrary.version)\n", with: "\nlocal VERSION = \(version)\n")
    _ = try await connection.send(["FUNCTION", "LOAD", "REPLACE", .text(code)]).orThrow()
  }

  private func version(_ library: FunctionLibrary, on connection: RedisConnection) async throws -> Int64? {
    try await connection.send(["FCALL_RO", .text("\(library.name)_version"), "0"]).number
  }

  @Test("It is installed where it is missing, replaced where it is older, and never where it is newer")
  func versions() async throws {
    #expect(FunctionLibrary.version >= 1)
    let library = FunctionLibrary(prefix: "tidemark")
    try await withConnection { _, connection in
      #expect(try await library.isCurrent(on: connection) == false)
      #expect(try await library.install(on: connection) == .install(over: nil))
      #expect(try await library.isCurrent(on: connection))
      #expect(try await version(library, on: connection) == Int64(FunctionLibrary.version))
      #expect(try await library.install(on: connection) == .current)
      try await load(version: 0, library, on: connection)
      #expect(try await library.isCurrent(on: connection) == false)
      #expect(try await library.install(on: connection) == .install(over: 0))
      #expect(try await library.verdict(on: connection) == .current)
      try await load(version: 99, library, on: connection)
      #expect(try await library.isCurrent(on: connection))
      #expect(try await library.install(on: connection) == .newer(99))
      #expect(try await version(library, on: connection) == 99)
    }
  }

  @Test("Prefixes with one name don't replace each other's library, nor that of another program")
  func names() async throws {
    let (first, second) = (FunctionLibrary(prefix: "my.app-é"), FunctionLibrary(prefix: "my_app-é"))
    #expect(first.name == "my_app___" && second.name == first.name)
    try await withConnection { _, connection in
      _ = try await first.install(on: connection)
      #expect(try await second.verdict(on: connection) == .refused(.otherPrefix("my.app-é")))
      #expect(try await second.install(on: connection) == .refused(.otherPrefix("my.app-é")))
      #expect(try await first.verdict(on: connection) == .current)
      // Functions of two prefixes stand side by side.
      _ = try await FunctionLibrary(prefix: "other").install(on: connection)
      #expect(try await first.verdict(on: connection) == .current)
      let foreign = "#!lua name=foreign\nredis.register_function('foreign_f', function() return 1 end)"
      _ = try await connection.send(["FUNCTION", "LOAD", .text(foreign)]).orThrow()
      #expect(try await FunctionLibrary(prefix: "foreign").install(on: connection) == .refused(.foreign))
      #expect(try await connection.send(["FCALL", "foreign_f", "0"]).number == 1)
    }
  }

  @Test("A server that lost its functions gets them again, and one without the right to them is reported")
  func installer() async throws {
    try await withConnection { server, connection in
      let installer = FunctionInstaller(prefix: "tidemark", redis: try RedisConfiguration(url: server.url))
      #expect(try await installer.pending().count == 1)
      #expect(try await installer.install().count == 1)
      #expect(try await installer.install() == [])
      #expect(try await installer.install(isThorough: true) == [])
      #expect(try await installer.pending() == [])
      _ = try await connection.send(["FUNCTION", "FLUSH"]).orThrow()
      #expect(try await installer.install().count == 1)
      await installer.close()
      _ = try await connection.send(["ACL", "SETUSER", "worker", "on", ">secret", "+@all", "-function", "~*", "&*"]).orThrow()
      _ = try await connection.send(["FUNCTION", "FLUSH"]).orThrow()
      let refused = FunctionInstaller(
        prefix: "tidemark", redis: try RedisConfiguration(url: "redis://worker:secret@127.0.0.1:\(server.port)/0"))
      await #expect { _ = try await refused.install() } throws: { ($0 as? RedisError)?.message.hasPrefix("NOPERM") == true }
      await refused.close()
    }
  }

  @Test("Every master of a Cluster gets the library, also one that comes later")
  func cluster() async throws {
    try await withRedisCluster { cluster in
      let url = "redis+cluster://127.0.0.1:\(cluster.nodes[0].port)"
      let installer = FunctionInstaller(prefix: "tidemark", redis: try RedisConfiguration(url: url))
      let masters = try await cluster.masters()
      #expect(try await installer.install().count == masters.count)
      for master in masters { #expect(try await master.command("FCALL_RO", "tidemark_version", "0") == "\(FunctionLibrary.version)") }
      try await masters[1].command("FUNCTION", "FLUSH")
      #expect(try await installer.install().count == 1)
      #expect(try await installer.install() == [])
      await installer.close()
    }
  }
}
