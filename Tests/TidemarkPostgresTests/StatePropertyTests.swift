import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Any interleaving of types over sessions, in whatever batches and by whatever path, gives what the naive model gives.
@Suite struct StatePropertyTests {
  private struct Applied {
    var lane: String
    var position: UInt64
    var fields: [String: String]
  }

  private struct Run {
    let sink: SinkFixture
    let seed: UInt64
    let lanes: BuiltInLanes
    var random: SeededGenerator
    var model = NaiveModel()
    var waiting: [String: [HandMade]] = [:]
    var applied: [Applied] = []
    /// Sessions, positions and what the model says of the state there.
    var states: [(session: String, position: UInt64, state: String)] = []
    var duplicates = 0

    init(_ sink: SinkFixture, seed: UInt64) {
      self.sink = sink
      self.seed = seed
      lanes = BuiltInLanes(prefix: "t\(seed)", partitions: 3)
      random = SeededGenerator(seed: seed ^ 0xFFFF)
    }

    /// Makes changes and tells the model of them.
    mutating func generate(_ count: Int) {
      var generator = ChangeGenerator(seed: seed, sessions: (0..<4).map { "seed\(seed)-s\($0)" })
      var ms: UInt64 = 1_700_000_000_000
      var sent: [[String: String]] = []
      for _ in 0..<count {
        ms += 1 + UInt64(random.below(3))
        var fields = generator.change(EntryID(ms: ms, no: 0))
        // A producer that sends again.
        let again = random.chance(2) ? sent.filter { $0["event_id"] != nil }.randomElement(using: &random) : nil
        if let again { fields = again }
        sent.append(fields)
        let session = fields["session"] ?? ""
        let lane = lanes.names[lanes.partition(ofSession: session.utf8)]
        var entry = HandMade(ms, 0, fields.sorted { $0.key < $1.key })
        entry.fields.shuffle(using: &random)
        waiting[lane, default: []].append(entry)
        guard again == nil else {
          duplicates += 1
          continue
        }
        model.apply(ms, fields)
        applied.append(Applied(lane: lane, position: ms, fields: fields))
        if random.chance(20) { states.append((session, ms, model.state(session, ms))) }
      }
    }

    /// Commits everything, a random share of each lane at a time, and takes the exact path where the engine would.
    mutating func commitAll() async throws {
      try await sink.sink.register(lanes.names.map { NewLane(name: $0, shard: 1, position: .zero, baseline: 0) })
      while waiting.values.contains(where: { !$0.isEmpty }) {
        var parts: [(LaneRecord, [HandMade])] = []
        let isLarge = random.chance(15)
        let most = random.one(of: [1, 5, 40, 120])
        for lane in lanes.names {
          guard let queue = waiting[lane], let first = queue.first, parts.isEmpty || random.chance(70) else { continue }
          var entries = Array(queue.prefix(1 + random.below(most)))
          waiting[lane] = Array(queue.dropFirst(entries.count))
          if isLarge {
            // Entries that leave nothing behind but make the batch one for COPY.
            entries =
              (1...PostgresWriter.pipelineLimit.entries).map {
                HandMade(first.id.ms - 1, UInt64($0), [("type", "noise"), ("session", "n"), ("ephemeral", "1")])
              } + entries
          }
          parts.append((try await sink.lane(lane), entries))
        }
        var sink = sink
        for (number, name) in lanes.names.enumerated() {
          sink.partitions[name] = SessionPartition(number: number, count: lanes.partitions)
        }
        let batch = sink.batch(parts)
        do {
          _ = try await sink.writer.commit(batch, random.chance(30) ? .exact : .fast)
        } catch let error as SinkError where error.kind == .fault(.record) {
          _ = try await sink.writer.commit(batch, .exact)
        }
      }
    }

    func difference() async throws -> String? {
      if let difference = try await StateComparison(sink: sink, model: model, sessions: "seed\(seed)-%").difference() { return difference }
      if let difference = try await changesDifference() { return difference }
      return try await statesDifference()
    }

    /// The audit trail: one row for every change, numbered without gaps in each lane, with the digest of its fields.
    private func changesDifference() async throws -> String? {
      let found = try await sink.rows(
        """
        select lane, entry_ms, no, session_id, type, seq, event_id, encode(digest, 'hex') from tide.changes
         where lane like 't\(seed):%' order by lane, entry_ms
        """)
      let sorted = applied.sorted { ($0.lane, $0.position) < ($1.lane, $1.position) }
      let digests = try await digests(sorted)
      var numbers: [String: Int] = [:]
      for (index, change) in sorted.enumerated() {
        numbers[change.lane, default: 0] += 1
        let fields = change.fields
        let expected = [
          change.lane, "\(change.position)", "\(numbers[change.lane] ?? 0)", fields["session"], fields["type"], fields["seq"],
          fields["event_id"], digests[index],
        ]
        if !found.indices.contains(index) || found[index] != expected {
          return "changes: expected \(expected), found \(found.indices.contains(index) ? found[index] : [])"
        }
      }
      let totals = try await sink.rows(
        """
        select sum(applied_total), sum(duplicates_total), sum(misrouted_total), sum(dead_letters_total),
          bool_and(read_total = applied_total + duplicates_total + ephemeral_total)::text
          from tide.lanes where lane like 't\(seed):%'
        """)
      let expected = ["\(applied.count)", "\(duplicates)", "0", "0", "true"]
      return totals == [expected] ? nil : "totals: expected \(expected), found \(totals)"
    }

    /// The digest by its definition: SHA-256 over lengths and bytes of names and values, in the order of the names; first of the content,
    /// then, where there is more, of that digest and the rest.
    private func digests(_ changes: [Applied]) async throws -> [String?] {
      func canonical(_ change: Applied, delivery: Bool) -> String {
        var hex: [UInt8] = []
        for (name, value) in change.fields.sorted(by: { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) })
        where ["epoch", "event_id", "seq", "trace", "ts"].contains(name) == delivery {
          for part in [name, value] {
            withUnsafeBytes(of: UInt32(part.utf8.count).littleEndian) { Hex.append($0, to: &hex) }
            Hex.append(part.utf8, to: &hex)
          }
        }
        return String(decoding: hex, as: UTF8.self)
      }
      let result = try await sink.connection.query(
        """
        select encode(case when rest = '' then content else substr(sha256(content || decode(rest, 'hex')), 1, 16) end, 'hex')
          from (select substr(sha256(decode(t.hex, 'hex')), 1, 16) as content, t.rest, t.n
                  from unnest($1::text[], $2::text[]) with ordinality t (hex, rest, n)) as c
         order by n
        """,
        [
          .textArray(strings: changes.map { canonical($0, delivery: false) }),
          .textArray(strings: changes.map { canonical($0, delivery: true) }),
        ], deadline: generous)
      return (0..<result.rowCount).map { result.string($0, 0) }
    }

    private func statesDifference() async throws -> String? {
      var checks: [(session: String, entry: String?, expected: String)] = states.map { ($0.session, "\($0.position)-0", $0.state) }
      checks += model.sessions.keys.map { ($0, nil, model.state($0, nil)) }
      let result = try await sink.connection.query(
        """
        select t.entry is null, t.session, t.entry, t.expected, s::text
          from unnest($1::text[], $2::text[], $3::jsonb[]) with ordinality t (session, entry, expected, n)
         cross join lateral (select case when t.entry is null then tide.state(t.session)
                                         else tide.state_at_entry(t.session, t.entry) end) as a (s)
         where a.s is distinct from t.expected order by n limit 1
        """,
        [
          .textArray(strings: checks.map(\.session)), .textArray(strings: checks.map(\.entry)),
          .textArray(strings: checks.map(\.expected)),
        ], deadline: generous)
      if result.rowCount > 0 {
        let row = (1...4).map { result.string(0, $0) ?? "NULL" }
        return "state of \(row[0]) at \(row[1]): expected \(row[2]), found \(row[3])"
      }
      return nil
    }
  }

  @Test func `any interleaving over any batches and paths gives the tables of the naive model`() async throws {
    try await withSink { sink in
      for seed in 1...20 as ClosedRange<UInt64> {
        var run = Run(sink, seed: seed)
        run.generate(300)
        try await run.commitAll()
        if let difference = try await run.difference() { Issue.record("seed \(seed): \(difference)") }
      }
    }
  }
}
