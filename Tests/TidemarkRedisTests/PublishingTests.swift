import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkTestKit

@Suite("Publishing what is durable")
struct PublishingTests {
  private let lane = "tidemark:{3}:changes"

  private func mark(
    _ lane: String, _ id: String, _ incarnation: Int64 = 1, rejected: [DurableMark.Rejection] = [], by installation: InstallationID = ours
  ) throws -> DurableMark {
    DurableMark(lane: lane, durable: try #require(EntryID(id)), incarnation: incarnation, rejected: rejected, installation: installation)
  }

  @Test("A mark moves forward by numbers, not by text, and never back within an incarnation")
  func neverBack() async throws {
    try await withSource { server, source in
      let steps: [(id: String, incarnation: Int64, held: String)] = [
        ("9-9", 1, "9-9"), ("10-0", 1, "10-0"), ("9-99", 1, "10-0"), ("10-9", 1, "10-9"), ("10-10", 1, "10-10"), ("10-9", 1, "10-10"),
        // Two milliseconds that are the same number as doubles.
        ("9007199254740992-2", 1, "9007199254740992-2"), ("9007199254740993-1", 1, "9007199254740993-1"),
        ("9007199254740992-9", 1, "9007199254740993-1"),
        ("5-0", 2, "5-0"), ("9999-0", 1, "5-0"), ("6-0", 2, "6-0"), ("1-0", 10, "1-0"), ("7-0", 9, "1-0"),
        ("18446744073709551615-18446744073709551615", 10, "18446744073709551615-18446744073709551615"),
      ]
      for step in steps {
        _ = try await source.publish([mark(lane, step.id, step.incarnation), mark("orders", step.id, step.incarnation)], over: nil)
        #expect(try await server.command("HGET", "tidemark:{3}:lane", "durable") == step.held, "after \(step)")
        #expect(try await server.command("HGET", "tidemark:durable", "orders") == step.held, "after \(step)")
      }
      #expect(try await server.command("HGET", "tidemark:{3}:lane", "incarnation") == "10")
    }
  }

  @Test("Rejected entries are written with the mark, and each advance is told on the lane's channel once")
  func rejectedAndChannel() async throws {
    try await withSource { server, source in
      let listener = try await RedisConnection.connect(RedisConfiguration(url: server.url), name: "listener")
      _ = try await listener.send(["SUBSCRIBE", "tidemark:{3}:durable"])
      let rejections = [
        DurableMark.Rejection(id: EntryID(ms: 1, no: 5), reason: "bad_json"), .init(id: EntryID(ms: 2, no: 0), reason: "missing_field"),
      ]
      for _ in 0..<2 { _ = try await source.publish([mark(lane, "2-0", rejected: rejections)], over: nil) }
      #expect(
        Set(try await server.command("HGETALL", "tidemark:{3}:rejected").split(separator: "\n")) == [
          "1-5", "bad_json", "2-0", "missing_field",
        ])
      // A message answers no command of the listener's, which ends its connection: so it shows that one came.
      try await waitUntil("the listener got a message") { !listener.isOpen }
      #expect(try await server.command("INFO", "commandstats").contains("cmdstat_publish:calls=1,"))
    }
  }

  @Test("Thousands of lanes are told at once, also after the server forgot the script")
  func manyLanes() async throws {
    try await withSource { server, source in
      for id in ["1-0", "2-0"] {
        _ = try await source.publish(try (0..<2000).map { try mark("lane\($0)", id) }, over: nil)
        #expect(try await server.command("HGET", "tidemark:durable", "lane1999") == id)
        try await server.command("SCRIPT", "FLUSH")
      }
      // A mark and an incarnation each, and the installation's id.
      #expect(try await server.command("HLEN", "tidemark:durable") == "4001")
    }
  }

  @Test("A key that another program uses is named with the lanes that it concerns; the other lanes are told all the same")
  func foreignKey() async throws {
    try await withSource(prefix: "mine") { server, source in
      for key in ["mine:durable", "mine:{1}:lane"] { try await server.command("SET", key, "text") }
      let lanes = ["orders", "mine:{0}:changes", "mine:{1}:changes"]
      let refused = try await source.publish(lanes.map { try mark($0, "1-0") }, over: nil)
      #expect(refused.mapValues(\.kind) == ["orders": .laneRefused("orders"), lanes[2]: .laneRefused(lanes[2])])
      #expect(refused["orders"]?.description.contains("mine:durable") == true)
      #expect(try await server.command("HGET", "mine:{0}:lane", "durable") == "1-0")
      let levels: [String: PressureLevel] = [lanes[1]: .slow, lanes[2]: .slow]
      #expect(try await source.press(levels, until: 5).mapValues(\.kind) == [lanes[2]: .laneRefused(lanes[2])])
      #expect(try await server.command("HGET", "mine:{0}:lane", "pressure") == "slow")
    }
  }
}
