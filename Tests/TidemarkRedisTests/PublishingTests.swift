import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
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
        // The two milliseconds are equal as doubles.
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
      // A message is not a reply to a command, so it ends the listener's connection; this shows that one came.
      try await waitUntil("the listener got a message") { !listener.isOpen }
      #expect(try await server.command("INFO", "commandstats").contains("cmdstat_publish:calls=1,"))
    }
  }

  @Test("A mark of an earlier incarnation is refused, which is answered, and what was told last can be asked for")
  func refused() async throws {
    try await withSource { _, source in
      func told(_ lanes: [String]) async throws -> [String] {
        try await source.marks(of: lanes).map { mark in mark.map { "\($0.lane) \($0.durable) \($0.incarnation)" } ?? "" }
      }
      #expect(try await told([lane, "orders"]) == ["", ""])
      #expect(try await source.publish([mark(lane, "5-0", 3), mark("orders", "6-0", 4), mark("others", "6-0", 1)], over: nil) == [:])
      #expect(try await told([lane, "orders"]) == ["\(lane) 5-0 3", "orders 6-0 4"])
      let late = try [mark(lane, "9-0", 2), mark("others", "7-0", 1), mark("orders", "9-0", 3)]
      #expect(try await source.publish(late, over: nil).mapValues(\.kind) == [lane: .outdated(3), "orders": .outdated(4)])
      #expect(try await told([lane, "orders", "others"]) == ["\(lane) 5-0 3", "orders 6-0 4", "others 7-0 1"])
      // An older mark of this incarnation is not refused.
      #expect(try await source.publish([mark(lane, "4-0", 3)], over: nil) == [:])
    }
  }

  @Test("A mark whose lane was not compared follows another one, and is refused where Redis has lost that")
  func unsurveyed() async throws {
    try await withSource { server, source in
      func unsurveyed(_ lane: String, _ id: String) throws -> DurableMark {
        var mark = try mark(lane, id, rejected: [.init(id: EntryID(ms: 1, no: 0), reason: "bad_json")])
        mark.isSurveyed = false
        return mark
      }
      for _ in 0..<2 {
        #expect(try await source.publish([mark(lane, "5-0"), mark("orders", "5-0"), mark("others", "5-0")], over: nil) == [:])
        #expect(try await source.publish([unsurveyed(lane, "6-0"), unsurveyed("orders", "6-0")], over: nil) == [:])
        #expect(try await server.command("HGET", "tidemark:{3}:lane", "durable") == "6-0")
        try await server.command("FLUSHALL")
        // What else is in the hash is no mark.
        _ = try await source.publishPressure([LanePressure(lane: lane, level: .ok, installation: ours)], until: 5)
        let refused = try await source.publish([unsurveyed(lane, "7-0"), unsurveyed("orders", "7-0"), mark("others", "7-0")], over: nil)
        #expect(refused.mapValues(\.kind) == [lane: .unmarked, "orders": .unmarked])
        #expect(try await server.command("EXISTS", "tidemark:{3}:rejected") == "0")
        #expect(try await server.command("HMGET", "tidemark:{3}:lane", "durable", "rejected:1-0") == "\n")
        #expect(try await server.command("HMGET", "tidemark:durable", "orders", "others") == "\n7-0")
      }
    }
  }

  @Test("A lane's hash tells the history in which the lane was compared, and after a promotion that must be done again")
  func history() async throws {
    try await withSource { server, source in
      func field(_ name: String) async throws -> String { try await server.command("HGET", "tidemark:{3}:lane", name) }
      func publish(_ id: String, isSurveyed: Bool) async throws -> SourceError.Kind? {
        var mark = try mark(lane, id)
        mark.isSurveyed = isSurveyed
        return try await source.publish([mark], over: nil)[lane]?.kind
      }
      func present() async throws -> String {
        let info = try await server.command("INFO", "replication")
        return info.firstMatch(of: /master_replid:(\w{10})/).map { String($0.1) } ?? ""
      }
      func isCurrent() async throws -> Bool? { try await source.marks(of: [lane])[0]?.isSurveyed }
      #expect(try await publish("5-0", isSurveyed: true) == nil)
      #expect(try await field("history") == present())
      #expect(try await isCurrent() == true)
      #expect(try await publish("6-0", isSurveyed: false) == nil)
      for command in [["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]] {
        try await server.command(command)
      }
      #expect(try await field("history") != present())
      #expect(try await isCurrent() == false)
      #expect(try await publish("7-0", isSurveyed: false) == .unmarked)
      #expect(try await field("durable") == "6-0")
      // A late mark says nothing of what the lane's next owner has read.
      #expect(try await publish("5-0", isSurveyed: true) == nil)
      #expect(try await field("history") != present())
      #expect(try await field("promoted_at") == "")
      #expect(try await publish("6-0", isSurveyed: true) == nil)
      #expect(try await field("history") == present())
      let promoted = try #require(Int64(try await field("promoted_at")))
      #expect(try await publish("7-0", isSurveyed: false) == nil)
      #expect(try await publish("8-0", isSurveyed: true) == nil)
      #expect(try await field("promoted_at") == "\(promoted)")
      #expect(try await isCurrent() == true)
      // The hash that other lanes share may be at another server than they.
      _ = try await source.publish([mark("orders", "1-0")], over: nil)
      #expect(try await server.command("HEXISTS", "tidemark:durable", "history") == "0")
    }
  }

  @Test("The mark of a stream that is gone is removed, unless the next stream's is told already")
  func gone() async throws {
    try await withSource { server, source in
      func gone(_ lane: String, _ id: String, _ incarnation: Int64) throws -> DurableMark {
        var mark = try mark(lane, id, incarnation)
        mark.isGone = true
        return mark
      }
      _ = try await source.publish(["a", "b", "c", "d"].map { try mark($0, "5-0", 1) }, over: nil)
      _ = try await source.publish([mark("b", "7-0", 2), mark("c", "9-0", 3)], over: nil)
      let refused = try await source.publish(
        [gone("a", "0-0", 2), gone("b", "0-0", 2), gone("c", "0-0", 2), gone("d", "5-0", 1), gone("e", "0-0", 2)], over: nil)
      #expect(refused.mapValues(\.kind) == ["c": .outdated(3)])
      #expect(
        try await server.command("HMGET", "tidemark:durable", "b", "incarnation:b", "c", "incarnation:c") == "7-0\n2\n9-0\n3")
      for field in ["a", "incarnation:a", "d", "incarnation:d", "e", "incarnation:e"] {
        #expect(try await server.command("HEXISTS", "tidemark:durable", field) == "0")
      }
    }
  }

  @Test("Of rejected entries that were trimmed nothing is kept, however many there were")
  func forgetting() async throws {
    try await withSource { server, source in
      let rejections = (1...3_000).map { DurableMark.Rejection(id: EntryID(ms: UInt64($0), no: 1), reason: "bad_json") }
      _ = try await source.publish([mark(lane, "3000-1", rejected: rejections)], over: nil)
      try await waitUntil("only what is not below the cut is kept") {
        try await source.forgetRejected([(lane, EntryID(ms: 2_990, no: 1)), ("orders", EntryID(ms: 5, no: 0))])
        return try await server.command("HLEN", "tidemark:{3}:rejected") == "11"
      }
      try await waitUntil("all of it is gone") {
        try await source.forgetRejected([(lane, EntryID(ms: 1 << 63, no: 0))])
        return try await server.command("EXISTS", "tidemark:{3}:rejected") == "0"
      }
      try await source.forgetRejected([(lane, EntryID(ms: 1 << 63, no: 0))])
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
      // The hash has a mark and an incarnation for each lane, and the installation's id.
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
      let levels = lanes[1...].map { LanePressure(lane: $0, level: .slow, installation: ours) }
      #expect(try await source.publishPressure(levels, until: 5).mapValues(\.kind) == [lanes[2]: .laneRefused(lanes[2])])
      #expect(try await server.command("HGET", "mine:{0}:lane", "pressure") == "slow")
    }
  }
}
