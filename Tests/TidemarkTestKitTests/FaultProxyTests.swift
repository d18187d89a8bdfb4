import Foundation
import Testing
import TidemarkServers

@testable import TidemarkTestKit

/// Tests the proxy's sockets with a real peer.
@Suite(.timeLimit(.minutes(2)))
struct FaultProxyTests {
  /// Runs `body` with a client that is connected through a proxy to an echo server.
  private func withLine<Result>(_ body: (FaultProxy, TestPeer, Echo) async throws -> Result) async throws -> Result {
    try await withEcho { echo in
      try await withFaultProxy(to: "127.0.0.1", echo.port) { proxy in
        let client = try await TestPeer.connect(proxy.port)
        return try await body(proxy, client, echo)
      }
    }
  }

  @Test func `without a fault the proxy passes all bytes and the end`() async throws {
    try await withLine { proxy, client, _ in
      let long = String(repeating: "0123456789", count: 200_000)
      async let sent: Void = client.send(long)
      #expect(await client.text(long.utf8.count) == long)
      try await sent
      #expect(await proxy.connections == 1)
      try await client.end()
      #expect(await client.next() == .ended)
    }
  }

  @Test func `the proxy ends its connections and its port with its body`() async throws {
    try await withEcho { echo in
      let (client, port) = try await withFaultProxy(to: "127.0.0.1", echo.port) { proxy in
        let client = try await TestPeer.connect(proxy.port)
        try await client.send("a")
        #expect(await client.text(1) == "a")
        return (client, proxy.port)
      }
      #expect(await client.next() != nil)
      await #expect(throws: (any Error).self) { try await TestPeer.connect(port) }
    }
  }

  @Test func `a lost segment resets the client and ends the server's connection in order`() async throws {
    try await withLine { proxy, client, echo in
      await proxy.lose(.down, "COMMIT")
      try await client.send("BEGIN")
      #expect(await client.text(5) == "BEGIN")
      try await client.send("COMMIT")
      #expect(try await proxy.lost() == .lost(.down, "COMMIT"))
      #expect(await client.rest() == ("", .reset))
      // The server has executed the command, and sees an orderly end.
      let server = try #require(await echo.peer())
      #expect(await server.rest() == ("BEGINCOMMIT", .ended))
      let second = try await TestPeer.connect(proxy.port)
      try await second.send("COMMIT")
      #expect(await second.text(6) == "COMMIT")
    }
  }

  @Test func `a held segment waits until it is released`() async throws {
    try await withLine { proxy, client, echo in
      await proxy.hold(.down, "b")
      try await client.send("a")
      #expect(await client.text(1) == "a")
      try await client.send("b")
      #expect(try await proxy.held() == .held(.down, "b"))
      let server = try #require(await echo.peer())
      #expect(await server.text(2) == "ab")
      try await client.send("c")
      #expect(await server.text(1) == "c")
      await proxy.go()
      #expect(await client.text(2) == "bc")
    }
  }

  @Test(arguments: [0, 5, 700_000]) func `a truncation passes exactly the given number of bytes`(count: Int) async throws {
    try await withLine { proxy, client, _ in
      await proxy.truncate(.down, count)
      let long = String(repeating: "0123456789", count: 80_000)
      // The send may fail, because the connection ends meanwhile.
      async let sent: Void? = try? client.send(long)
      let (text, end) = await client.rest()
      #expect(text == long.prefix(count))
      #expect(end == .reset)
      await sent
    }
  }

  @Test func `swallowed bytes never arrive, and clear resets their connections`() async throws {
    try await withLine { proxy, client, echo in
      try await client.send("a")
      #expect(await client.text(1) == "a")
      await proxy.swallow()
      let second = try await TestPeer.connect(proxy.port)
      try await client.send("b")
      try await second.send("c")
      // The client is connected before the proxy has accepted the connection.
      try await waitUntil("both connections are known") { await proxy.connections == 2 }
      await proxy.clear()
      #expect(await client.rest() == ("", .reset))
      #expect(await second.rest() == ("", .reset))
      let server = try #require(await echo.peer())
      #expect(await server.rest() == ("a", .reset))
    }
  }

  @Test func `a reset and a refusal are sent as RST`() async throws {
    try await withLine { proxy, client, echo in
      try await client.send("a")
      #expect(await client.text(1) == "a")
      await proxy.refuse()
      // The connection exists before it is reset, or does not: both are a refusal.
      if let refused = try? await TestPeer.connect(proxy.port) { #expect(await refused.rest() == ("", .reset)) }
      try await client.send("b")
      #expect(await client.text(1) == "b")
      await proxy.reset()
      #expect(await client.rest() == ("", .reset))
      let server = try #require(await echo.peer())
      #expect(await server.rest() == ("ab", .reset))
    }
  }

  @Test func `a wait for an event ends with the event`() async throws {
    try await withLine { proxy, _, _ in
      let error = await #expect(throws: ServerError.self) { try await proxy.held(within: .milliseconds(20)) }
      #expect(error?.code == .deadline)
      let wait = Task { try await proxy.lost() }
      wait.cancel()
      await #expect(throws: CancellationError.self) { try await wait.value }
    }
  }

  @Test func `a Redis behind the proxy executes a command whose reply is lost`() async throws {
    try await withRedis { redis in
      try await withFaultProxy(to: "127.0.0.1", redis.port) { proxy in
        let client = try Program.find(["redis-cli", "valkey-cli"], package: "redis-tools")
        let port = "\(proxy.port)"
        #expect(try await client.output(["-p", port, "SET", "a", "1"]) == "OK")
        await proxy.delay(.milliseconds(10))
        await proxy.segments(1)
        #expect(try await client.output(["-p", port, "GET", "a"]) == "1")
        await proxy.clear()
        // The reply is lost, the effect is not.
        await proxy.lose(.down, "OK")
        let outcome = try await client.run(["-p", port, "SET", "a", "2"])
        #expect(!outcome.standardOutput.contains("OK"))
        try await proxy.lost()
        #expect(try await redis.command("GET", "a") == "2")
      }
    }
  }
  @Test func `a Postgres behind the proxy commits while its client gets no answer`() async throws {
    try await withPostgres { postgres in
      try await postgres.psql("create table t (a int)")
      try await withFaultProxy(to: "127.0.0.1", postgres.port) { proxy in
        await proxy.lose(.down, "COMMIT")
        let url = postgres.url.replacing(":\(postgres.port)/", with: ":\(proxy.port)/")
        await #expect(throws: ServerError.self) {
          try await postgres.instance.psql("begin; insert into t values (1); commit;", url: url)
        }
        try await proxy.lost()
        #expect(try await postgres.psql("select a from t") == "1")
      }
    }
  }
}
