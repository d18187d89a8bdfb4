import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkTestKit

/// The observations of lanes on a real server.
@Suite struct ObservationTests {
  /// Returns the expected stream of a lane that was read up to its cursor.
  private static func check(_ lane: String, _ ms: UInt64) -> ExpectedStream { ExpectedStream(record(lane, ms, ordinal: ms), knownAdded: 0) }

  private func observe(_ source: RedisLaneSource, _ checks: [ExpectedStream]) async throws -> [ObservedStream] {
    try await source.observe(checks).map { try #require($0.observed) }
  }

  private static func record(_ lane: String, _ ms: UInt64, ordinal: UInt64) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: lane, shard: 0, fence: 1, incarnation: 1,
      cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: 0), ordinal: ordinal, baseline: 0, owner: nil,
      installation: ours)
  }

  @Test func `counters, group and the cursor's entry come together`() async throws {
    try await withSource { server, source in
      for index in 1...5 { try await server.command("XADD", "lane", "\(index)-0", "k", "v\(index)") }
      try await server.command("XDEL", "lane", "5-0")
      try await server.command("XGROUP", "CREATE", "lane", "others", "0")
      var comparisons = try await observe(source, [Self.check("lane", 3), Self.check("absent", 3), Self.check("lane", 5)])
      #expect(comparisons[0].stream?.entriesAdded == 5)
      #expect(comparisons[0].stream?.firstID == EntryID(ms: 1, no: 0))
      #expect(comparisons[0].stream?.lastID == EntryID(ms: 4, no: 0))
      #expect(comparisons[0].stream?.lastGeneratedID == EntryID(ms: 5, no: 0))
      #expect(!comparisons[0].hasGroup)
      guard case .there(let digest?) = comparisons[0].anchor else { return #expect(Bool(false), "the entry is there") }
      let entry = EntryBlock(id: EntryID(ms: 3, no: 0), raw: [Array("k".utf8), Array("v3".utf8)])
      #expect(digest == AnchorDigest(of: entry.entries[0], in: entry))
      #expect(comparisons[1].stream == nil)
      guard case .gone = comparisons[1].anchor, case .gone = comparisons[2].anchor else { return #expect(Bool(false), "no entry is there") }

      #expect(
        try await source.mirror(
          [LaneMirror(Self.record("lane", 3, ordinal: 3)), LaneMirror(Self.record("absent", 1, ordinal: 1))], over: nil)
          == ["lane"])
      comparisons = try await observe(source, [Self.check("lane", 3)])
      #expect(comparisons[0].hasGroup)
      // The second call moves the group.
      #expect(try await source.mirror([LaneMirror(Self.record("lane", 4, ordinal: 4))], over: nil) == ["lane"])
      let group = try await server.command("XINFO", "GROUPS", "lane").components(separatedBy: "\n")
      let ours = try #require(group.firstIndex(of: "tidemark"))
      #expect(group[ours...].contains("4-0"))
    }
  }

  @Test func `what was decided over one connection is not written over another`() async throws {
    try await withSource { server, source in
      for index in 1...5 { try await server.command("XADD", "lane", "\(index)-0", "k", "v") }
      let cut = [TrimCut(lane: "lane", below: EntryID(ms: 3, no: 0), installation: ours)]
      let mark = DurableMark(lane: "lane", durable: EntryID(ms: 3, no: 0), incarnation: 1, rejected: [], installation: ours)
      let mirror = [LaneMirror(Self.record("lane", 3, ordinal: 3))]
      let survey = try await source.survey([Self.check("lane", 3)], on: .only)
      guard case .there? = survey.observations[0].observed?.anchor else { return #expect(Bool(false), "\(survey.observations)") }
      try await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
      // A new connection replaces the lost one.
      _ = try await source.inspect([Self.check("lane", 3)])
      #expect(await failure { _ = try await source.trim(cut, over: survey.connection) }?.kind == .unavailable)
      #expect(await failure { _ = try await source.publish([mark], over: survey.connection) }?.kind == .unavailable)
      #expect(await failure { _ = try await source.mirror(mirror, over: survey.connection) }?.kind == .unavailable)
      #expect(try await server.command("XLEN", "lane") == "5")

      let again = try await source.survey([Self.check("lane", 3)], on: .only)
      #expect(again.connection != survey.connection)
      #expect(source.writeConnection(to: .only) == again.connection)
      #expect(try await source.trim(cut, over: again.connection) == [.success(2)])
      #expect(try await source.publish([mark], over: again.connection) == [:])
      #expect(try await source.mirror(mirror, over: again.connection) == ["lane"])
    }
  }

  @Test func `an entry that is too large for a digest is there all the same, and is not taken for one that had one`() async throws {
    try await withSource { server, source in
      try await server.commands("XADD long 1-0 k \(String(repeating: "v", count: AnchorDigest.most.bytes))\n")
      let fields = (0...AnchorDigest.most.fields).flatMap { ["f\($0)", "v"] }
      try await server.commands("XADD many 1-0 \(fields.joined(separator: " "))\n")
      try await server.commands("XADD most 1-0 \(fields.dropLast(2).joined(separator: " "))\n")
      let comparisons = try await observe(source, ["long", "many", "most"].map { Self.check($0, 1) })
      for comparison in comparisons.prefix(2) {
        guard case .there(nil) = comparison.anchor else { return #expect(Bool(false), "\(comparison.anchor)") }
        #expect(comparison.stream?.length == 1)
      }
      guard case .there(let digest?) = comparisons[2].anchor else { return #expect(Bool(false), "\(comparisons[2].anchor)") }
      var record = Self.record("long", 1, ordinal: 1)
      #expect(StreamComparison(ExpectedStream(record, knownAdded: 0), comparisons[0]).anchor == .unknown)
      record.anchor = digest
      #expect(StreamComparison(ExpectedStream(record, knownAdded: 0), comparisons[0]).anchor == .other)
      #expect(StreamComparison(ExpectedStream(record, knownAdded: 0), comparisons[2]).anchor == .same)
    }
  }

  @Test func `the digest of an entry is that of its bytes, whatever they are, on both sides`() async throws {
    try await withSource { server, source in
      let connection = try await RedisConnection.connect(RedisConfiguration(url: server.url), name: "test")
      let entries: [[[UInt8]]] = [
        [[], []], [[1], []], [[], [1]], [[0, 13, 10], [255, 0xC3]], [Array("1:".utf8), Array("2:x".utf8)], [[1], [2], [1], [2]],
        [[1], [2], [2], [1]], [[1, 2], [2, 1]],
      ]
      var digests: Set<AnchorDigest> = []
      for (index, raw) in entries.enumerated() {
        _ = try await connection.send(["XADD", "lane", "\(index + 1)-0"] + raw.map { .bytes($0) }).orThrow()
        let entry = EntryBlock(id: EntryID(ms: UInt64(index + 1), no: 0), raw: raw)
        let expected = try #require(AnchorDigest(of: entry.entries[0], in: entry))
        guard case .there(expected)? = try await observe(source, [Self.check("lane", UInt64(index + 1))]).first?.anchor else {
          return #expect(Bool(false), "\(raw)")
        }
        digests.insert(expected)
      }
      #expect(digests.count == entries.count)
      await connection.close()
    }
  }

  /// The script fetches the last entry only if it must; without that entry the verdict is equal.
  @Test func `what is found of a stream does not depend on its last entry being told`() async throws {
    var random = SeededGenerator(seed: 7)
    try await withSource { server, source in
      for round in 0..<120 {
        let lane = "lane\(round)"
        var commands: [String] = []
        let added = 1 + UInt64(random.below(8))
        for id in 1...added { commands.append("XADD \(lane) \(id)-0 k v") }
        for _ in 0..<random.below(4) { commands.append("XDEL \(lane) \(1 + random.below(Int(added)))-0") }
        if random.chance(40) { commands.append("XTRIM \(lane) MAXLEN \(random.below(6))") }
        if random.chance(30) { commands.append("XSETID \(lane) \(added + 3)-0") }
        if random.chance(60) { commands.append("XGROUP CREATE \(lane) tidemark 0") }
        try await server.commands(commands.joined(separator: "\n"))
        let position = UInt64(random.below(Int(added) + 1))
        var record = Self.record(lane, position, ordinal: UInt64(max(0, Int(position) + random.below(3) - 1)))
        record.isMirrored = random.chance(50)
        let check = ExpectedStream(record, knownAdded: UInt64(random.below(4)))
        var observed = try #require(try await observe(source, [check]).first)
        let sparing = StreamComparison(check, observed).verdict
        let last = try await server.command("XREVRANGE", lane, "+", "-", "COUNT", "1").split(separator: "\n").first
        observed.stream?.lastID = last.flatMap { EntryID(String($0)) }
        #expect(StreamComparison(check, observed).verdict == sparing, "\(commands) \(check)")
      }
    }
  }

  @Test func `the floor of ids is raised, never lowered`() async throws {
    try await withSource { server, source in
      try await server.command("XADD", "lane", "5-0", "k", "v")
      #expect(try await source.raiseMinimumID("lane", to: EntryID(ms: 90_000_000_000_000, no: 0), for: ours))
      #expect(try await server.command("XADD", "lane", "*", "k", "v") == "90000000000000-1")
      // The stream is already above this id.
      #expect(try await source.raiseMinimumID("lane", to: EntryID(ms: 7, no: 0), for: ours))
      #expect(try await server.command("XADD", "lane", "*", "k", "v") == "90000000000000-2")
      #expect(try await !source.raiseMinimumID("absent", to: EntryID(ms: 7, no: 0), for: ours))
    }
  }
}
