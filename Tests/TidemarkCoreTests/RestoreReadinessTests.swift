import Testing
import TidemarkCore

@Suite struct RestoreReadinessTests {
  private static func lane(_ position: UInt64, incarnation: Int64 = 2) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: "l", shard: 0, fence: 1, incarnation: incarnation,
      cursor: LaneCursor(position: EntryID(ms: position, no: 0), appliedNo: 0), ordinal: 0, baseline: 0, owner: "me")
  }

  private func readiness(
    _ record: LaneRecord?, earlier: UInt64? = nil, end: UInt64?, mark: Int64? = 2, isServed: Bool = true, through: UInt64
  ) -> RestoreReadiness {
    RestoreReadiness(
      record, earlier: earlier.map { EntryID(ms: $0, no: 0) } ?? record?.cursor.position ?? .zero,
      redis: HotLane(end: end.map { EntryID(ms: $0, no: 0) }, incarnation: mark), isServed: isServed,
      through: EntryID(ms: through, no: 0))
  }

  @Test func `what a stream holds must be committed, whether or not a worker serves its lane`() {
    for isServed in [true, false] {
      #expect(readiness(Self.lane(5), end: 6, isServed: isServed, through: 6) == .uncommitted)
      #expect(readiness(Self.lane(6), end: 6, isServed: isServed, through: 6) == .ready)
      #expect(readiness(nil, end: 6, mark: nil, isServed: isServed, through: 6) == .uncommitted)
      #expect(readiness(nil, end: nil, mark: nil, isServed: isServed, through: 0) == .ready)
    }
  }

  @Test func `after a loss, the next incarnation of a served lane is waited for`() {
    // The stream and the mark are gone.
    #expect(readiness(Self.lane(5), end: nil, mark: nil, through: 0) == .replaced)
    // The next incarnation has begun, and its mark is not set.
    #expect(readiness(Self.lane(0, incarnation: 3), end: nil, mark: nil, through: 0) == .replaced)
    #expect(readiness(Self.lane(0, incarnation: 3), end: nil, mark: 3, through: 0) == .ready)
    // An older copy of the stream, with the mark of that time.
    #expect(readiness(Self.lane(5), end: 4, through: 4) == .replaced)
    #expect(readiness(Self.lane(5, incarnation: 3), end: 5, through: 5) == .replaced)
  }

  @Test func `a lane of a server that took over is waited for until its worker has compared it there`() {
    func readiness(_ history: String?, mark: String?, incarnation: Int64 = 2, isServed: Bool = true) -> RestoreReadiness {
      let redis = HotLane(end: EntryID(ms: 5, no: 0), incarnation: 2, history: history, markHistory: mark)
      return RestoreReadiness(
        Self.lane(5, incarnation: incarnation), earlier: EntryID(ms: 5, no: 0), redis: redis, isServed: isServed, through: .zero)
    }
    #expect(readiness("a", mark: "b") == .uncompared)
    #expect(readiness("a", mark: "a") == .ready)
    #expect(readiness("a", mark: nil) == .ready)
    #expect(readiness(nil, mark: "a") == .ready)
    #expect(readiness("a", mark: "b", incarnation: 3) == .replaced)
    #expect(readiness("a", mark: "b", isServed: false) == .ready)
  }

  @Test func `what is committed while Redis is asked does not make the stream look older`() {
    #expect(readiness(Self.lane(7), earlier: 5, end: 6, through: 6) == .ready)
  }

  @Test func `nobody holds anything of a lane that is not served`() {
    #expect(readiness(Self.lane(5), end: nil, mark: nil, isServed: false, through: 0) == .ready)
  }

  @Test func `a lane of which nothing was committed has no mark`() {
    #expect(readiness(Self.lane(0, incarnation: 1), end: nil, mark: nil, through: 0) == .ready)
  }
}
