import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@Suite("What goes wrong with a server")
struct FailureTests {
  @Test("A wrong password and a missing one are misconfigurations that say how to fix it and name no secret")
  func passwords() async throws {
    try await withRedis { server in
      try await server.command("ACL", "SETUSER", "agent", "on", ">right", "~*", "+@all")
      var wrong = try RedisConfiguration(url: server.url, password: "hunter2", username: "agent")
      for password in ["hunter2", "right"] {
        wrong.password = password
        let error = await failure { try await using(wrong) { _ = try await $0.currentMilliseconds(beside: "a") } }
        #expect((error == nil) == (password == "right"))
        #expect(error.map { $0.kind == .misconfigured && !$0.description.contains("hunter2") } ?? true)
        #expect(error?.description.contains("WRONGPASS") ?? true)
      }
      try await server.command("ACL", "SETUSER", "default", "resetpass", ">secret")
      let missing = await failure { try await using(try .init(url: server.url)) { _ = try await $0.read(.of("lane")) } }
      #expect(missing?.kind == .misconfigured)
      #expect(missing?.description.contains("NOAUTH") == true)
      try await using(try .init(url: server.url, password: "secret")) { source in
        let reply = try await source.read(.of("lane"))
        #expect(reply.isNothing)
      }
    }
  }

  @Test("A missing privilege of a command is a misconfiguration, of a key a refused lane")
  func privileges() async throws {
    try await withRedis { server in
      try await server.command("XADD", "lane:1", "1-0", "k", "v")
      try await server.command("ACL", "SETUSER", "reader", "on", ">pw", "~lane:*", "-@all", "+xread", "+info")
      let configuration = try RedisConfiguration(url: server.url, password: "pw", username: "reader")
      try await using(configuration) { source in
        #expect(try await source.read(.of("lane:1", block: .milliseconds(1))).block?.entries.count == 1)
        let key = await failure { _ = try await source.read(.of("lane:1", "secret", "lane:2")) }
        #expect(key?.kind == .laneRefused("secret"))
        let command = await failure { _ = try await source.currentMilliseconds(beside: "a") }
        #expect(command?.kind == .misconfigured)
        // A script has its user's rights, and its own errors for missing rights.
        try await server.command("ACL", "SETUSER", "reader", "+eval", "+evalsha")
        let script = await failure { _ = try await source.observe([ExpectedStream(asking: "lane:1")]) }
        #expect(script?.kind == .misconfigured)
        try await server.command("ACL", "SETUSER", "reader", "+xinfo|stream")
        let seen = try await source.observe(["lane:1", "secret"].map { ExpectedStream(asking: $0) })
        #expect(seen[0].observed?.stream?.length == 1)
        guard case .refused(let refusal) = seen[1] else { return #expect(Bool(false), "\(seen)") }
        #expect(refusal.kind == .laneRefused("secret"))
        try await server.command("ACL", "SETUSER", "reader", "-xread")
        let read = await failure { _ = try await source.read(.of("lane:1")) }
        #expect(read?.kind == .misconfigured)
      }
    }
  }

  @Test("A lane whose key is no stream is named, and the others can be read without it")
  func wrongType() async throws {
    try await withSource { server, source in
      try await server.command("XADD", "a", "1-0", "k", "v")
      try await server.command("SET", "text", "x")
      let error = await failure { _ = try await source.read(.of("a", "absent", "text")) }
      #expect(error?.kind == .laneRefused("text"))
      #expect(error?.isRetryable == false)
      #expect(try await source.read(.of("a", "absent")).block?.entries.count == 1)
    }
  }

  @Test("After CLIENT KILL the next call works")
  func killedConnection() async throws {
    try await withSource { server, source in
      try await server.command("XADD", "lane", "1-0", "k", "v")
      for _ in 0..<5 {
        #expect(try await source.read(.of("lane")).block?.entries.count == 1)
        #expect(try await source.inspect([ExpectedStream(asking: "lane")]).first?.observed?.stream?.length == 1)
        try await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
      }
    }
  }

  @Test("A server that is gone is unavailable; once it is back the same source works")
  func restart() async throws {
    try await withSource { server, source in
      #expect(try await source.read(.of("lane")).isNothing)
      await server.stop()
      for _ in 0..<2 {
        let error = await failure { _ = try await source.read(.of("lane")) }
        #expect(error?.isRetryable == true)
      }
      try await server.start()
      #expect(try await source.read(.of("lane")).isNothing)
    }
  }

  @Test("A master that is made a replica by hand, and keeps its connections, is another server from then on")
  func demotion() async throws {
    try await withSource { server, source in
      try await withRedis { master in
        try await master.command("XADD", "lane", "9-0", "k", "v")
        try await server.command("XADD", "lane", "1-0", "k", "v")
        #expect(try await source.read(.of("lane")).block?.entries.count == 1)
        let connections = source.readConnection(to: .only)
        let position = LaneReadRequest.Position(lane: "lane", after: EntryID(ms: 1, no: 0))
        let waiting = LaneReadRequest(positions: [position], count: 9, block: .seconds(20), budget: nil, maxEntryBytes: 1 << 20)
        async let refused = failure { _ = try await source.read(waiting) }
        try await waitUntil("the read waits") { try await server.command("INFO", "clients").contains("blocked_clients:1") }
        try await server.command("REPLICAOF", "127.0.0.1", "\(master.port)")
        #expect(await refused?.kind == .unavailable)
        try await waitUntil("what the new master has is read") { (try? await source.read(waiting))?.block?.entries.count == 1 }
        #expect(source.readConnection(to: .only) > connections)
      }
    }
  }

  @Test("A connection by host name is open until it is closed")
  func byHostName() async throws {
    try await withRedis { server in
      let connection = try await RedisConnection.connect(RedisConfiguration(url: "redis://localhost:\(server.port)"), name: "test")
      #expect(connection.isOpen)
      try await RedisInspector(connection).ping()
      await connection.close()
      #expect(!connection.isOpen)
    }
  }

  @Test("A server that does not answer runs into the deadline")
  func deadline() async throws {
    try await withRedis { server in
      var configuration = try RedisConfiguration(url: server.url)
      configuration.commandTimeout = .milliseconds(300)
      try await using(configuration) { source in
        let first = try await source.read(.of("lane"))
        #expect(first.isNothing)
        server.pause()
        let error = await failure { _ = try await source.read(.of("lane", block: .milliseconds(50))) }
        server.resume()
        #expect(error?.kind == .unavailable)
        #expect(error?.description.contains("did not answer in time") == true)
        #expect(try await source.read(.of("lane")).isNothing)
      }
    }
  }

  @Test("A read-only replica is unavailable, not misconfigured; a full server is told all the same")
  func passingRefusals() async throws {
    try await withSource { server, source in
      let mark = DurableMark(lane: "orders", durable: EntryID(ms: 1, no: 0), incarnation: 1, rejected: [], installation: ours)
      try await server.command("REPLICAOF", "127.0.0.1", "1")
      let survey = try await source.survey([], on: .only)
      let readOnly = await failure { _ = try await source.publish([mark], over: survey.connection) }
      #expect(readOnly?.kind == .unavailable)
      // The new server may be behind another connection.
      #expect(source.writeConnection(to: .only) == nil)
      try await server.command("REPLICAOF", "NO", "ONE")
      try await server.command("CONFIG", "SET", "maxmemory", "1")
      #expect(try await source.publish([mark], over: nil) == [:])
      #expect(
        try await source.publishPressure([LanePressure(lane: "tidemark:{1}:changes", level: .stop, installation: ours)], until: 7) == [:])
      #expect(try await source.survey([ExpectedStream(asking: "lane")], on: .only).observations.count == 1)
      try await server.command("CONFIG", "SET", "maxmemory", "0")
      #expect(try await server.command("HGET", "tidemark:durable", "orders") == "1-0")
      #expect(try await server.command("HGET", "tidemark:{1}:lane", "pressure") == "stop")
    }
  }

  @Test("A cancelled read ends at once, and the source goes on")
  func cancellation() async throws {
    try await withSource { server, source in
      let task = Task { try await source.read(.of("lane", block: .seconds(5))) }
      try await waitUntil("the read blocks") { try await server.command("INFO", "clients").contains("blocked_clients:1") }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      try await waitUntil("the connection is gone") { try await server.command("INFO", "clients").contains("blocked_clients:0") }
      #expect(try await source.read(.of("lane")).isNothing)
    }
  }

  @Test("A name that resolves to nothing and a database that is not there say what is wrong")
  func wrongPlaces() async throws {
    try await withRedis { server in
      let database = try RedisConfiguration(url: "redis://127.0.0.1:\(server.port)/99")
      let noDatabase = await failure { try await using(database) { try await $0.ping() } }
      #expect(noDatabase?.kind == .misconfigured)
      let socket = try RedisConfiguration(url: "unix://\(server.directory)/none.sock")
      let noSocket = await failure { try await using(socket) { try await $0.ping() } }
      #expect(noSocket?.kind == .unavailable)
      try await using(try .init(url: server.socketURL)) { source in
        try await server.command("XADD", "lane", "1-0", "k", "v")
        #expect(try await source.read(.of("lane")).block?.entries.count == 1)
      }
    }
  }
}
