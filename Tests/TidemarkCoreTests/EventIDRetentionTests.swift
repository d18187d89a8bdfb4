import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct EventIDRetentionTests {
  private static let day: Int64 = 86_400_000
  private static let now = 1_800_000_000_000 as Int64
  private static let horizon = now - day - EventIDRetention.tolerance

  private static func lane(_ ms: Int64, moved: Int64 = now) -> EventIDRetention.Lane {
    .init(name: "lane", position: id(ms), movedAt: moved)
  }

  private static func id(_ ms: Int64, _ no: UInt64 = 0) -> EntryID { EntryID(ms: UInt64(ms), no: no) }

  private static func forgettable(_ lanes: [(EventIDRetention.Lane, StreamExtent)]) -> [Range<Int64>] {
    var retention = EventIDRetention(now: now, window: .seconds(86_400))
    for (lane, end) in lanes { retention.consider(lane, end) }
    return retention.forgettable
  }

  @Test func `where every lane is at its stream's end the window counts from the clock`() {
    #expect(Self.forgettable([]) == [0..<Self.horizon])
    #expect(Self.forgettable([(Self.lane(Self.now - 5), .present(first: nil, last: Self.id(Self.now - 5)))]) == [0..<Self.horizon])
    // An idle lane's cursor is old, but its next entries will be new.
    let old = Self.now - 30 * Self.day
    #expect(Self.forgettable([(Self.lane(old, moved: old), .present(first: nil, last: Self.id(old)))]) == [0..<Self.horizon])
    #expect(Self.forgettable([(Self.lane(old, moved: old), .absent)]) == [0..<Self.horizon])
    #expect(Self.forgettable([(Self.lane(0, moved: old), .absent)]) == [0..<Self.horizon])
  }

  @Test func `entries that wait in a stream keep the event ids of the window before them`() {
    let cursor = Self.now - 3 * Self.day
    let last = Self.id(Self.now - 10)
    let behind = (Self.lane(cursor, moved: cursor), StreamExtent.present(first: nil, last: last))
    #expect(Self.forgettable([behind]) == [0..<cursor - Self.day])
    let other = (Self.lane(cursor - 7, moved: cursor), StreamExtent.present(first: nil, last: last))
    #expect(Self.forgettable([behind, other]) == [0..<cursor - 7 - Self.day])
    // The last entry of the stream has the cursor's millisecond.
    let sameMillisecond = (Self.lane(cursor, moved: cursor), StreamExtent.present(first: nil, last: Self.id(cursor, 1)))
    #expect(Self.forgettable([sameMillisecond]) == [0..<cursor - Self.day, cursor + Self.day..<Self.horizon])
  }

  @Test func `a backlog of old ids keeps only the event ids within its window`() {
    // A producer counts its ids from one and is behind: no event ids of other lanes are kept for it.
    let counting = (Self.lane(1_000, moved: Self.now - 2 * Self.day), StreamExtent.present(first: nil, last: Self.id(2_000)))
    #expect(Self.forgettable([counting]) == [2_000 + Self.day..<Self.horizon])
  }

  @Test func `entries of a stream that was replaced do not count as read`() {
    let cursor = Self.now - 1_000
    let last = Self.now - 5 * Self.day
    #expect(Self.forgettable([(Self.lane(cursor), .present(first: nil, last: Self.id(last)))]) == [last + Self.day..<Self.horizon])
  }

  @Test func `a stream that can't be inspected keeps the event ids of the window before its cursor`() {
    let cursor = Self.now - 3 * Self.day
    #expect(Self.forgettable([(Self.lane(cursor, moved: cursor), .unknown)]) == [0..<cursor - Self.day])
    #expect(Self.forgettable([(Self.lane(0, moved: cursor), .unknown)]).isEmpty)
    #expect(Self.forgettable([(Self.lane(Self.now), .unknown)]) == [0..<Self.horizon])
  }

  @Test func `event ids near positions below the clock are kept for a window after the lane moved`() {
    let old = Self.now - 30 * Self.day
    let end = StreamExtent.present(first: nil, last: Self.id(old))
    let moved = Self.now - 1_000
    #expect(
      Self.forgettable([(Self.lane(old, moved: moved), end)]) == [
        0..<old - Self.day, old + 1_000 + EventIDRetention.tolerance + Self.day..<Self.horizon,
      ])
    #expect(Self.forgettable([(Self.lane(old, moved: Self.now - Self.day), end)]) == [0..<Self.horizon])
    // Redis' own ids are as old as the moment at which they were committed, so no event ids are kept for them.
    #expect(
      Self.forgettable([(Self.lane(moved - 500, moved: moved), .present(first: nil, last: Self.id(moved - 500)))]) == [0..<Self.horizon])
  }

  @Test func `ids beyond every clock do not overflow`() {
    let far = EntryID(ms: .max, no: .max)
    #expect(Self.forgettable([(.init(name: "lane", position: .zero, movedAt: 0), .present(first: nil, last: far))]).isEmpty)
    #expect(Self.forgettable([(.init(name: "lane", position: far, movedAt: 0), .present(first: nil, last: far))]) == [0..<Self.horizon])
    #expect(Self.forgettable([(.init(name: "lane", position: far, movedAt: 0), .unknown)]) == [0..<Self.horizon])
  }

  /// Lanes that stand still for longer than the window, and a ledger that prunes all the time.
  private struct World {
    static let window: Int64 = 1_000_000
    var random: SeededGenerator
    var now: Int64 = 1_000_000_000
    var streams: [[(id: EntryID, event: Int)]] = [[], [], []]
    var read = [0, 0, 0]
    var moved: [Int64] = [0, 0, 0]
    var stopped = [false, false, false]
    var isAway = [false, false, false]
    /// The event ids that the ledger has, and the entries that it applied.
    var known: [Int: [Int64]] = [:]
    var applied: [Int: [Int64]] = [:]
    var duplicates: [(event: Int, ms: Int64)] = []
    var forgotten = 0

    mutating func write() {
      let lane = random.below(3)
      let last = streams[lane].last?.id ?? .zero
      // The third lane's producer gives its own ids, a month behind the clock.
      let clock = UInt64(lane == 2 ? now - 30 * Self.window : now)
      let id = clock > last.ms ? EntryID(ms: clock, no: 0) : EntryID(ms: last.ms, no: last.no + 1)
      streams[lane].append((id, random.below(12)))
    }

    mutating func commit() {
      let lane = random.below(3)
      guard !stopped[lane], read[lane] < streams[lane].count else { return }
      let (id, event) = streams[lane][read[lane]]
      let ms = Int64(id.ms)
      if known[event, default: []].contains(where: { abs($0 - ms) < Self.window }) {
        duplicates.append((event, ms))
      } else {
        applied[event, default: []].append(ms)
        known[event, default: []].append(ms)
      }
      read[lane] += 1
      moved[lane] = now
    }

    mutating func prune() {
      var retention = EventIDRetention(now: now, window: .seconds(Self.window / 1000))
      for lane in streams.indices {
        let position = read[lane] == 0 ? EntryID.zero : streams[lane][read[lane] - 1].id
        let end = streams[lane].last.map { StreamExtent.present(first: nil, last: $0.id) } ?? .absent
        retention.consider(
          .init(name: "\(lane)", position: position, movedAt: moved[lane]), isAway[lane] ? .unknown : end)
      }
      let forgettable = retention.forgettable
      for (event, positions) in known {
        let kept = positions.filter { ms in !forgettable.contains { $0.contains(ms) } }
        forgotten += positions.count - kept.count
        known[event] = kept
      }
    }

    mutating func step() {
      switch random.below(20) {
      case 0: stopped[random.below(3)].toggle()
      case 1: isAway[random.below(3)].toggle()
      case 2: now += Int64(random.below(Int(Self.window)))
      case 3...6: prune()
      case 7...11: write()
      default: commit()
      }
      now += Int64(random.below(5_000))
    }
  }

  @Test func `two copies within the window are applied once, whatever the order of outages and pruning`() {
    var (duplicates, forgotten) = (0, 0)
    for seed in 1...400 as ClosedRange<UInt64> {
      var world = World(random: SeededGenerator(seed: seed))
      for _ in 0..<400 { world.step() }
      for (event, positions) in world.applied {
        for (one, other) in zip(positions.sorted(), positions.sorted().dropFirst()) where other - one < World.window {
          Issue.record("seed \(seed): event \(event) was applied at \(one) and at \(other)")
        }
      }
      for duplicate in world.duplicates
      where !world.applied[duplicate.event, default: []].contains(where: { abs($0 - duplicate.ms) < World.window }) {
        Issue.record("seed \(seed): event \(duplicate.event) at \(duplicate.ms) is nowhere")
      }
      duplicates += world.duplicates.count
      forgotten += world.forgotten
      world.stopped = [false, false, false]
      while zip(world.read, world.streams).contains(where: { $0 < $1.count }) { world.commit() }
      world.isAway = [false, false, false]
      world.now += 3 * World.window
      world.prune()
      #expect(world.known.values.filter { !$0.isEmpty } == [], "seed \(seed): something is kept for ever")
    }
    #expect(duplicates > 4_000 && forgotten > 4_000, "\(duplicates) duplicates, \(forgotten) forgotten: the seeds no longer go there")
  }
}
