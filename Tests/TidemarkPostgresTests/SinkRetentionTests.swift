import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkRetentionTests {
  private static let day = Duration.seconds(86_400)

  // Checkpoints

  /// Checkpoints of two lanes, one a day, the newest of them so many days old.
  private static func addCheckpoints(_ sink: SinkFixture, _ count: Int, newest days: Int = 0) async throws {
    try await sink.connection.script(
      """
      insert into tide.checkpoints (lane, taken_at, entry_ms, entry_no, incarnation, applied_no, read_total, applied_total, worker, seal)
      select lane, now() - make_interval(days => d), \(count) - d, 0, 1, 1, 1, 1, 'w', '' from generate_series(\(days), \(days + count - 1)) d,
             unnest(array['one', 'two']) lane
      """, deadline: generous)
  }

  private static let days =
    "select lane, count(*), max(extract(day from now() - taken_at))::int from tide.checkpoints group by lane order by 1"

  @Test func `checkpoints go once they are old enough, lane by lane and piece by piece`() async throws {
    try await withSink { sink in
      try await Self.addCheckpoints(sink, 40)
      let pieces = try await sink.sweep(.checkpoints(kept: Self.day * 30), rows: 7)
      #expect(pieces.map(\.removed) == [7, 7, 6])
      // Of 0 to 29 days, and of a moment less than 30.
      #expect(try await sink.rows(Self.days) == [["one", "30", "29"], ["two", "30", "29"]])
      #expect(try await sink.sweep(.checkpoints(kept: Self.day * 30)) == [RetentionPiece(removed: 0, next: nil)])
    }
  }

  @Test func `the newest checkpoint of a lane stays, however old it is`() async throws {
    try await withSink { sink in
      try await Self.addCheckpoints(sink, 5, newest: 100)
      #expect(try await sink.sweep(.checkpoints(kept: Self.day)).map(\.removed) == [8])
      #expect(try await sink.rows(Self.days) == [["one", "1", "100"], ["two", "1", "100"]])
    }
  }

  // Dead letters

  /// So many dead letters of a lane, resolved as many days ago as their positions say; the negative ones are open.
  private static func addLetters(_ sink: SinkFixture, _ positions: ClosedRange<Int>, lane: String = "one") async throws {
    try await sink.connection.script(
      """
      insert into tide.dead_letters (lane, entry_ms, entry_no, reason, detail, raw, raw_complete, resolved_at, resolution)
      select '\(lane)', abs(p), 0, 'constraint', '', '{}', true, case when p > 0 then now() - make_interval(days => p) end, 'discarded'
        from generate_series(\(positions.lowerBound), \(positions.upperBound)) p where p <> 0
      """, deadline: generous)
  }

  private static func left(_ sink: SinkFixture, _ lane: String = "one") async throws -> [Int] {
    let rows = try await sink.rows(
      "select case when resolved_at is null then -entry_ms else entry_ms end from tide.dead_letters where lane = '\(lane)' order by 1")
    return rows.compactMap { $0[0].flatMap { Int($0) } }
  }

  private static func rule(_ kept: Duration, _ lanes: [(String, UInt64?)]) -> RetentionRule {
    .deadLetters(kept: kept, lanes: lanes.map { LetterLane(name: $0.0, firstHeld: $0.1.map { EntryID(ms: $0, no: 0) }) })
  }

  @Test func `dead letters go once they were resolved for long enough, and open ones never`() async throws {
    try await withSink { sink in
      try await Self.addLetters(sink, -20...20)
      try await sink.connection.script("update tide.dead_letters set at = now() - interval '1000 days'", deadline: generous)
      #expect(try await sink.sink.lanesOfLetters(resolvedBefore: Self.day * 19) == ["one"])
      #expect(try await sink.sink.lanesOfLetters(resolvedBefore: Self.day * 21) == [])
      let pieces = try await sink.sweep(Self.rule(Self.day * 9, [("one", nil)]), rows: 5)
      #expect(pieces.map(\.removed) == [5, 5, 2])
      #expect(try await Self.left(sink) == Array(-20 ... -1) + Array(1...8))
    }
  }

  @Test func `a dead letter whose entry its stream still holds stays, and what comes after it is reached`() async throws {
    try await withSink { sink in
      // The oldest resolution is that of the highest position.
      try await Self.addLetters(sink, 1...20)
      let pieces = try await sink.sweep(Self.rule(Self.day / 2, [("one", 8)]), rows: 5)
      #expect(pieces.map(\.removed) == [0, 0, 2, 5, 0])
      #expect(try await Self.left(sink) == Array(8...20))
    }
  }

  @Test func `ids beyond 2^63 come after all others`() async throws {
    try await withSink { sink in
      try await Self.addLetters(sink, 1...2)
      // As the ledger holds an id of 2^64 - 1.
      try await sink.connection.script("update tide.dead_letters set entry_ms = -1 where entry_ms = 2", deadline: generous)
      #expect(try await sink.sweep(Self.rule(.zero, [("one", 1_000)])).map(\.removed) == [1])
      #expect(try await sink.rows("select entry_ms from tide.dead_letters") == [["-1"]])
      let last = LetterLane(name: "one", firstHeld: EntryID(ms: .max, no: 0))
      _ = try await sink.sweep(.deadLetters(kept: .zero, lanes: [last]))
      #expect(try await sink.rows("select entry_ms from tide.dead_letters") == [["-1"]])
      _ = try await sink.sweep(.deadLetters(kept: .zero, lanes: [LetterLane(name: "one", firstHeld: EntryID(ms: .max, no: 1))]))
      #expect(try await Self.left(sink) == [])
    }
  }

  @Test func `very many lanes go some at a time, and a letter that somebody holds waits for the next sweep`() async throws {
    try await withSink { sink in
      let lanes = (1...1_201).map { "lane\($0)" }
      for lane in [lanes[0], lanes[600], lanes[1_200]] { try await Self.addLetters(sink, 1...4, lane: lane) }
      let holder = try await connect(to: sink.server)
      try await holder.script("begin", deadline: generous)
      _ = try await holder.one("select id from tide.dead_letters where lane = 'lane601' and entry_ms = 2 for update")
      let rule = Self.rule(Self.day / 2, lanes.map { ($0, nil) })
      let pieces = try await sink.sweep(rule, rows: 3)
      #expect(pieces.reduce(0) { $0 + $1.removed } == 11)
      #expect(pieces.count >= 5)
      #expect(try await Self.left(sink, "lane601") == [2])
      await holder.rollback()
      _ = try await sink.sweep(rule)
      #expect(try await sink.one("select count(*) from tide.dead_letters") == "0")
      await holder.close()
    }
  }

  @Test func `an entry that is read again is no second dead letter while its stream may serve it`() async throws {
    try await withSink { sink in
      let bad = HandMade(5, "context.set", "s", [("key", "k"), ("value", "{")])
      try await sink.commit([bad])
      try await sink.connection.script(
        "update tide.dead_letters set resolved_at = now() - interval '100 days', resolution = 'discarded'", deadline: generous)
      _ = try await sink.sweep(Self.rule(Self.day, [("one", 5)]))
      // The stream was set back, and is read again.
      func readAgain() async throws -> LaneCounts {
        try await sink.connection.script("update tide.lanes set entry_ms = 0, furthest_ms = 9", deadline: generous)
        return try await sink.commit([bad], .exact).counts
      }
      #expect(try await readAgain().reread == 1)
      #expect(try await sink.one("select count(*) from tide.dead_letters") == "1")
      // What is given up with the row.
      _ = try await sink.sweep(Self.rule(Self.day, [("one", 6)]))
      #expect(try await readAgain().deadLetters == 1)
    }
  }

  // Snapshots

  /// So many snapshots of each of these sessions, at positions from 1.
  private static func addSnapshots(_ sink: SinkFixture, _ counts: [(session: String, count: Int)]) async throws {
    for (session, count) in counts {
      try await sink.connection.script(
        """
        insert into tide.snapshots (session_id, entry_ms, entry_no, lane_id, taken_at, state, digest)
        select '\(session)', n, 0, 1, now(), '{}', '' from generate_series(1, \(count)) n
        """, deadline: generous)
    }
  }

  private static let snapshots =
    "select session_id, string_agg(entry_ms::text, ' ' order by entry_ms) from tide.snapshots group by 1 order by 1"

  @Test(arguments: [1, 2, 3, 5, 1_000]) func `of each session the newest snapshots stay, wherever a piece ends`(rows: Int) async throws {
    try await withSink { sink in
      try await Self.addSnapshots(sink, [("a", 3), ("b", 7), ("c", 1), ("d", 4), ("e", 30)])
      let pieces = try await sink.sweep(.snapshots(kept: 3), rows: rows)
      #expect(pieces.reduce(0) { $0 + $1.removed } == 32)
      #expect(pieces.allSatisfy { $0.removed <= rows })
      #expect(try await sink.rows(Self.snapshots) == [["a", "1 2 3"], ["b", "5 6 7"], ["c", "1"], ["d", "2 3 4"], ["e", "28 29 30"]])
      #expect(try await sink.sweep(.snapshots(kept: 1), rows: rows).reduce(0) { $0 + $1.removed } == 8)
      #expect(try await sink.rows(Self.snapshots) == [["a", "3"], ["b", "7"], ["c", "1"], ["d", "4"], ["e", "30"]])
    }
  }

  @Test func `the newest is the one of the highest position, of whatever lane`() async throws {
    try await withSink { sink in
      try await sink.connection.script(
        """
        insert into tide.snapshots (session_id, entry_ms, entry_no, lane_id, taken_at, state, digest)
        select 's', p.ms, p.no, p.lane, now() - make_interval(secs => p.ms), '{}', ''
          from (values (7, 0, 2), (7, 1, 1), (10, 0, 1), (10, 0, 2), (9, 5, 3)) p (ms, no, lane)
        """, deadline: generous)
      _ = try await sink.sweep(.snapshots(kept: 2))
      #expect(try await sink.rows("select entry_ms, lane_id from tide.snapshots order by 1, 2") == [["10", "1"], ["10", "2"]])
    }
  }

  // All of them

  @Test func `two that sweep at once remove everything once and hold each other up by nothing but a piece`() async throws {
    try await withSink { sink in
      try await Self.addCheckpoints(sink, 2_000)
      try await Self.addLetters(sink, -500...2_000)
      try await Self.addSnapshots(sink, [("a", 2_000), ("b", 2_000)])
      let other = try SinkFixture.makeSink(sink.server)
      for (rule, count) in [
        (RetentionRule.checkpoints(kept: Self.day * 9 - .seconds(60)), 3_982),
        (Self.rule(Self.day * 9 - .seconds(60), [("one", nil)]), 1_992),
        (.snapshots(kept: 3), 3_994),
      ] {
        async let first = sink.sweep(rule, rows: 50)
        async let second = sink.sweep(rule, rows: 50, over: other)
        let removed = try await (first + second).reduce(0) { $0 + $1.removed }
        #expect(removed == count, "\(rule.table)")
      }
      #expect(try await sink.one("select count(*) from tide.dead_letters where resolved_at is null") == "500")
      #expect(try await sink.rows(Self.snapshots) == [["a", "1998 1999 2000"], ["b", "1998 1999 2000"]])
    }
  }
}
