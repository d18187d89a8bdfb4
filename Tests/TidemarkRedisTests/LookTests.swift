import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkTestKit

/// What Redis says of lanes, on a real server.
@Suite struct LookTests {
  private static func position(_ lane: String, _ ms: UInt64) -> LaneReadRequest.Position {
    LaneReadRequest.Position(lane: lane, after: EntryID(ms: ms, no: 0))
  }

  private static func record(_ lane: String, _ ms: UInt64, ordinal: UInt64) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: lane, shard: 0, fence: 1, incarnation: 1,
      cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: 0, seal: []), ordinal: ordinal, baseline: 0, owner: nil)
  }

  @Test func `counters, group and the cursor's entry come together`() async throws {
    try await withSource { server, source in
      for index in 1...5 { try await server.command("XADD", "lane", "\(index)-0", "k", "v\(index)") }
      try await server.command("XDEL", "lane", "5-0")
      try await server.command("XGROUP", "CREATE", "lane", "others", "0")
      var looks = try await source.look([Self.position("lane", 3), Self.position("absent", 3), Self.position("lane", 5)])
      #expect(looks[0].stream?.entriesAdded == 5)
      #expect(looks[0].stream?.firstID == EntryID(ms: 1, no: 0))
      #expect(looks[0].stream?.lastID == EntryID(ms: 4, no: 0))
      #expect(looks[0].stream?.lastGeneratedID == EntryID(ms: 5, no: 0))
      #expect(!looks[0].hasGroup)
      guard case .there(let block?) = looks[0].anchor else { return #expect(Bool(false), "the entry is there") }
      #expect(block.entries.map(\.id) == [EntryID(ms: 3, no: 0)])
      #expect(String(decoding: block.bytes, as: UTF8.self) == "kv3")
      #expect(looks[1].stream == nil)
      guard case .gone = looks[1].anchor, case .gone = looks[2].anchor else { return #expect(Bool(false), "no entry is there") }

      #expect(
        try await source.mirror(
          [LaneMirror(Self.record("lane", 3, ordinal: 3)), LaneMirror(Self.record("absent", 1, ordinal: 1))], over: nil)
          == ["lane"])
      looks = try await source.look([Self.position("lane", 3)])
      #expect(looks[0].hasGroup)
      // And moves it.
      #expect(try await source.mirror([LaneMirror(Self.record("lane", 4, ordinal: 4))], over: nil) == ["lane"])
      let group = try await server.command("XINFO", "GROUPS", "lane").components(separatedBy: "\n")
      let ours = try #require(group.firstIndex(of: "tidemark"))
      #expect(group[ours...].contains("4-0"))
    }
  }

  @Test func `what was decided over one connection is not written over another`() async throws {
    try await withSource { server, source in
      for index in 1...5 { try await server.command("XADD", "lane", "\(index)-0", "k", "v") }
      let cut = [(lane: "lane", below: EntryID(ms: 3, no: 0))]
      let mark = DurableMark(lane: "lane", durable: EntryID(ms: 3, no: 0), incarnation: 1, rejected: [])
      let mirror = [LaneMirror(Self.record("lane", 3, ordinal: 3))]
      let survey = try await source.survey([Self.position("lane", 3)], on: .only)
      guard case .there = survey.snapshots[0].anchor else { return #expect(Bool(false), "\(survey.snapshots)") }
      try await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
      // Another one is there by then.
      _ = try await source.inspect(["lane"])
      #expect(await failure { _ = try await source.trim(cut, over: survey.connection) }?.kind == .unavailable)
      #expect(await failure { try await source.publish([mark], over: survey.connection) }?.kind == .unavailable)
      #expect(await failure { _ = try await source.mirror(mirror, over: survey.connection) }?.kind == .unavailable)
      #expect(try await server.command("XLEN", "lane") == "5")

      let again = try await source.survey([Self.position("lane", 3)], on: .only)
      #expect(again.connection != survey.connection)
      #expect(source.writeConnection(to: .only) == again.connection)
      #expect(try await source.trim(cut, over: again.connection) == [2])
      try await source.publish([mark], over: again.connection)
      #expect(try await source.mirror(mirror, over: again.connection) == ["lane"])
    }
  }

  @Test func `an entry that is too large to look at is there all the same`() async throws {
    try await withSource { server, source in
      try await server.command("XADD", "long", "1-0", "k", String(repeating: "v", count: 5_000))
      // More than one look may bring.
      let fields = (0..<4_000).flatMap { ["f\($0)", String(repeating: "v", count: 3_000)] }
      try await server.commands("XADD many 1-0 \(fields.joined(separator: " "))\n")
      for look in try await source.look([Self.position("long", 1), Self.position("many", 1)]) {
        guard case .there(nil) = look.anchor else { return #expect(Bool(false), "\(look.anchor)") }
        #expect(look.stream?.length == 1)
      }
    }
  }

  @Test func `the floor of ids is raised, never lowered`() async throws {
    try await withSource { server, source in
      try await server.command("XADD", "lane", "5-0", "k", "v")
      #expect(try await source.raiseFloor("lane", to: EntryID(ms: 90_000_000_000_000, no: 0)))
      #expect(try await server.command("XADD", "lane", "*", "k", "v") == "90000000000000-1")
      // It is above that already.
      #expect(try await source.raiseFloor("lane", to: EntryID(ms: 7, no: 0)))
      #expect(try await server.command("XADD", "lane", "*", "k", "v") == "90000000000000-2")
      #expect(try await !source.raiseFloor("absent", to: EntryID(ms: 7, no: 0)))
    }
  }
}
