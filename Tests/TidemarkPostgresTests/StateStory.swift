import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Changes of some sessions, committed at random by one lane or two.
struct StateStory {
  let sink: SinkFixture
  let seed: UInt64
  let sessions: [String]
  let lanes: [String]
  var random: SeededGenerator

  init(_ sink: SinkFixture, seed: UInt64, isShared: Bool) {
    self.sink = sink
    self.seed = seed
    sessions = (0..<3).map { "check\(seed)-s\($0)" }
    lanes = isShared ? ["x\(seed)", "y\(seed)"] : ["x\(seed)"]
    random = SeededGenerator(seed: seed)
  }

  /// Commits changes of each lane in its order, with the lanes at different speeds, and some entries late as replays.
  mutating func commit(_ count: Int) async throws {
    for lane in lanes { try await sink.sink.register([NewLane(name: lane, shard: 1, position: .zero, baseline: 0)]) }
    var generator = ChangeGenerator(seed: seed, sessions: sessions)
    var waiting: [String: [HandMade]] = [:]
    var late: [(lane: String, entry: HandMade)] = []
    for number in 0..<count {
      let lane = random.one(of: lanes)
      var fields = generator.change(EntryID(ms: 1_700_000_000_000 + UInt64(number / lanes.count), no: 0))
      if let event = fields["event_id"] { fields["event_id"] = "\(event)-\(lane)-\(number)" }
      let entry = HandMade(1_700_000_000_000 + UInt64(number), 0, fields.sorted { $0.key < $1.key })
      if number > 3, random.chance(4) { late.append((lane, entry)) } else { waiting[lane, default: []].append(entry) }
    }
    while !waiting.isEmpty {
      var parts: [(LaneRecord, [HandMade])] = []
      for lane in lanes {
        guard let queue = waiting[lane], random.chance(70) else { continue }
        let entries = Array(queue.prefix(1 + random.below(random.one(of: [2, 20, 80]))))
        waiting[lane] = queue.count == entries.count ? nil : Array(queue.dropFirst(entries.count))
        parts.append((try await sink.lane(lane), entries))
      }
      guard !parts.isEmpty else { continue }
      let outcome = try await sink.writer.commit(sink.batch(parts), random.chance(30) ? .exact : .fast)
      #expect(outcome.deadLetters.isEmpty)
    }
    let sink = sink
    let replayer = try sink.sink.makeReplayer()
    for (lane, entry) in late.shuffled(using: &random) {
      let letter = try #require(try await sink.addLetter(entry, lane: lane))
      let replays = try await replayer.replay(lane: lane, [letter]) { record, _ in sink.batch([(record, [entry])]) }
      #expect(replays == [letter: .applied])
    }
    await replayer.close()
  }
}
