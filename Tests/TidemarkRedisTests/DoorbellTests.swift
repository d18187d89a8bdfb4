import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@Suite("Listening for written keys")
struct DoorbellTests {
  private static func clients(_ server: RedisServer) async throws -> [Substring] {
    try await server.command("CLIENT", "LIST").split(separator: "\n").filter { $0.contains("name=tidemark-doorbell") }
  }

  @Test("A key with one of the prefixes is reported once for any number of writes; the first call only begins to listen")
  func reportsChangedKeys() async throws {
    try await withSource { server, source in
      let prefixes = ["jobs:", "orders"]
      #expect(try await source.changedLanes(prefixes, on: .only) == .any)
      try await server.command("XADD", "jobs:1", "*", "k", "v")
      #expect(try await source.changedLanes(prefixes, on: .only) == .of(["jobs:1"]))
      try await server.commands("SET others x\n" + (0..<50).map { "XADD orders:\($0 % 3) * k v" }.joined(separator: "\n"))
      var changed: Set<String> = []
      while changed.count < 3, case .of(let names) = try await source.changedLanes(prefixes, on: .only) { changed.formUnion(names) }
      #expect(changed == ["orders:0", "orders:1", "orders:2"])
      #expect(try await Self.clients(server).count == 1)
    }
  }

  @Test("Somebody who waits is woken")
  func wakes() async throws {
    try await withSource { server, source in
      #expect(try await source.changedLanes([""], on: .only) == .any)
      async let changed = source.changedLanes([""], on: .only)
      try await server.command("XADD", "lane", "*", "k", "v")
      #expect(try await changed == .of(["lane"]))
      try await server.command("FLUSHALL")
      #expect(try await source.changedLanes([""], on: .only) == .any)
    }
  }

  @Test("A lost connection is told, and the next call listens again and says that anything may have happened")
  func loss() async throws {
    try await withSource { server, source in
      #expect(try await source.changedLanes(["a"], on: .only) == .any)
      let client = try #require(try await Self.clients(server).first)
      let id = client.split(separator: " ")[0].dropFirst("id=".count)
      try await server.command("XADD", "a", "*", "k", "v")
      async let lost = failure {
        while true { _ = try await source.changedLanes(["a"], on: .only) }
      }
      try await server.command("CLIENT", "KILL", "ID", String(id))
      #expect(await lost?.kind == .unavailable)
      try await server.command("XADD", "a", "*", "k", "v")
      #expect(try await source.changedLanes(["a"], on: .only) == .any)
      try await server.command("XADD", "a2", "*", "k", "v")
      #expect(try await source.changedLanes(["a"], on: .only) == .of(["a2"]))
    }
  }

  @Test("Other prefixes begin anew; a cancelled call ends the listening")
  func changes() async throws {
    try await withSource { server, source in
      #expect(try await source.changedLanes(["a"], on: .only) == .any)
      #expect(try await source.changedLanes(["b"], on: .only) == .any)
      try await server.commands("SET a x\nSET b x")
      #expect(try await source.changedLanes(["b"], on: .only) == .of(["b"]))
      try await waitUntil("one connection listens") { try await Self.clients(server).count == 1 }
      let listening = Task { try await source.changedLanes(["b"], on: .only) }
      listening.cancel()
      await #expect(throws: CancellationError.self) { try await listening.value }
      try await waitUntil("nobody listens") { try await Self.clients(server).isEmpty }
    }
  }

  @Test("A user who may not track is told what to grant")
  func refused() async throws {
    try await withRedis { server in
      try await server.command(
        "ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "-@all", "+xread", "+info", "+client|id", "+subscribe", "+ping")
      try await using(try RedisConfiguration(url: server.url, password: "pw", username: "reader")) { source in
        let error = await failure { _ = try await source.changedLanes(["a"], on: .only) }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains("client|tracking") == true)
        #expect(try await source.read(.of("a")).isNothing)
        try await server.command("ACL", "SETUSER", "reader", "+client|tracking")
        #expect(try await source.changedLanes(["a"], on: .only) == .any)
        try await server.command("SET", "a", "x")
        #expect(try await source.changedLanes(["a"], on: .only) == .of(["a"]))
      }
    }
  }
}
