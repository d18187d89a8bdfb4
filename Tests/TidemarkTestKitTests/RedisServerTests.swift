import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

struct RedisServerTests {
  @Test func `a server answers on its port and its socket and leaves nothing behind`() async throws {
    let (pid, folder) = try await withRedis { redis in
      #expect(try await redis.command("SET", "a", "two words") == "OK")
      #expect(try await redis.command("GET", "a") == "two words")
      #expect(try await redis.command("SET", "b", last: "x\ny") == "OK")
      #expect(try await redis.commands("GET a\nSTRLEN b\n") == "two words\n3")
      #expect(redis.url == "redis://127.0.0.1:\(redis.port)/0")
      #expect(try await redis.command("CONFIG", "GET", "port").hasSuffix("\(redis.port)"))
      return (try #require(redis.pid), redis.directory)
    }
    #expect(kill(pid, 0) != 0)
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test func `an error reply throws`() async throws {
    try await withRedis { redis in
      await #expect(throws: ServerError.self) { try await redis.command("NOSUCH") }
    }
  }

  @Test func `persisted data survives a restart on one port`() async throws {
    try await withRedis(.init(persistence: true)) { redis in
      let port = redis.port
      try await redis.command("XADD", "s", "1-1", "f", "v")
      #expect(await redis.stop() == 0)
      #expect(redis.pid == nil)
      try await redis.start()
      #expect(redis.port == port)
      #expect(try await redis.command("XLEN", "s") == "1")
    }
  }

  @Test func `without persistence a kill loses all data`() async throws {
    try await withRedis { redis in
      try await redis.command("SET", "a", "1")
      await redis.kill()
      try await redis.start()
      #expect(try await redis.command("EXISTS", "a") == "0")
    }
  }

  @Test func `a paused server answers nothing until it is resumed`() async throws {
    try await withRedis { redis in
      redis.pause()
      let answer = Task { try await redis.command("PING") }
      try await waitUntil("the server is stopped") { try state(of: redis.pid) == "T" }
      redis.resume()
      #expect(try await answer.value == "PONG")
    }
  }

  @Test func `a paused server can be stopped`() async throws {
    let pid = try await withRedis { redis in
      redis.pause()
      return try #require(redis.pid)
    }
    #expect(kill(pid, 0) != 0)
  }

  @Test func `a server is removed after a throw and after a cancellation`() async throws {
    struct Stop: Error {}
    let pids = Pids()
    await #expect(throws: Stop.self) {
      try await withRedis { redis in
        pids.add(redis.pid)
        throw Stop()
      }
    }
    let task = Task {
      try await withRedis { redis in
        pids.add(redis.pid)
        try await Task.sleep(for: .seconds(600))
      }
    }
    try await waitUntil("the second server runs") { pids.all.count == 2 }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    for pid in pids.all { #expect(kill(pid, 0) != 0) }
  }

  private func state(of pid: Int32?) throws -> Substring? {
    let pid = try #require(pid)
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return text.split(separator: ")").last?.split(separator: " ").first
  }
}
