import Testing

@testable import TidemarkCore

/// What every source must do, whatever servers stand behind it: the one in memory that the simulation uses, and each topology of real servers.
struct SourceConformance {
  let source: any LaneSource
  /// A built-in lane, which nobody has written to.
  let lane: String
  /// Appends an entry with this id to the lane's stream, past the source.
  let append: (EntryID) async throws -> Void
  /// Removes the stream.
  let destroy: () async throws -> Void
  private let installation = InstallationID("conformance")

  init(
    _ source: any LaneSource, lane: String, append: @escaping (EntryID) async throws -> Void, destroy: @escaping () async throws -> Void
  ) {
    self.source = source
    self.lane = lane
    self.append = append
    self.destroy = destroy
  }

  func run() async throws {
    try await anAbsentStreamIsObservedAsAbsent()
    for ms in 1...6 { try await append(EntryID(ms: UInt64(ms), no: 0)) }
    try await entriesAreReadInOrderBehindAPosition()
    try await countersAndTheAnchorAreObserved()
    try await aGroupIsMadeOnlyWhereThatIsAskedFor()
    try await marksOnlyMoveForwardWithinAnIncarnation()
    try await aWriteNamesItsConnection()
    try await trimmingRemovesWhatIsBelowAndNoMore()
    try await aMinimumIDIsRaisedAndNeverLowered()
    try await destroy()
    try await anAbsentStreamIsObservedAsAbsent()
  }

  private var server: LaneServer { get async throws { try await source.servers(of: [lane])[0] } }

  private func record(at ms: UInt64, incarnation: Int64 = 1, isMirrored: Bool = false) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: lane, shard: 0, fence: 1, incarnation: incarnation,
      cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: 0), ordinal: ms, baseline: 0, owner: nil,
      isMirrored: isMirrored, installation: installation)
  }

  private func observed(at ms: UInt64 = 0) async throws -> ObservedStream? {
    try await source.observe([ExpectedStream(record(at: ms), knownAdded: 0)])[0].observed
  }

  private func anAbsentStreamIsObservedAsAbsent() async throws {
    let observed = try await observed()
    #expect(observed != nil && observed?.stream == nil)
    #expect(try await source.inspect([ExpectedStream(asking: lane)])[0].observed?.stream == nil)
  }

  private func entriesAreReadInOrderBehindAPosition() async throws {
    func read(after ms: UInt64, count: Int) async throws -> [UInt64] {
      let position = LaneReadRequest.Position(lane: lane, after: EntryID(ms: ms, no: 0))
      let reply = try await source.read(
        LaneReadRequest(positions: [position], count: count, block: nil, budget: 1 << 20, maxEntryBytes: 1 << 20))
      if case .entries(let block) = reply { return block.entries.map(\.id.ms) }
      return []
    }
    #expect(try await read(after: 0, count: 100) == [1, 2, 3, 4, 5, 6])
    #expect(try await read(after: 2, count: 3) == [3, 4, 5])
    #expect(try await read(after: 6, count: 100) == [])
    #expect(try await source.count(lane, after: EntryID(ms: 2, no: 0), through: EntryID(ms: 5, no: 0)) == 3)
  }

  private func countersAndTheAnchorAreObserved() async throws {
    let observed = try #require(try await observed(at: 4))
    #expect(observed.stream?.length == 6 && observed.stream?.entriesAdded == 6)
    #expect(observed.stream?.firstID == EntryID(ms: 1, no: 0) && observed.stream?.lastGeneratedID == EntryID(ms: 6, no: 0))
    guard case .there(let digest?) = observed.anchor else { return #expect(Bool(false), "the cursor's entry has no digest") }
    let other = try #require(try await self.observed(at: 5))
    guard case .there(let otherDigest?) = other.anchor else { return #expect(Bool(false), "the cursor's entry has no digest") }
    #expect(digest != otherDigest)
    guard case .gone = try await self.observed(at: 7)?.anchor else { return #expect(Bool(false), "an entry that never was is there") }
  }

  private func aGroupIsMadeOnlyWhereThatIsAskedFor() async throws {
    #expect(try await source.mirror([LaneMirror(record(at: 2, isMirrored: true))], over: nil) == [])
    #expect(try await observed()?.hasGroup == false)
    let connection = try await source.survey([ExpectedStream(record(at: 2), knownAdded: 0)], on: server).connection
    #expect(try await source.mirror([LaneMirror(record(at: 2))], over: connection) == [lane])
    #expect(try await observed()?.hasGroup == true)
    #expect(try await source.mirror([LaneMirror(record(at: 3, isMirrored: true))], over: nil) == [lane])
  }

  private func publish(_ ms: UInt64, incarnation: Int64, isSurveyed: Bool = true) async throws -> SourceError? {
    let connection = try await source.survey([ExpectedStream(record(at: ms), knownAdded: 0)], on: server).connection
    let mark = DurableMark(
      lane: lane, durable: EntryID(ms: ms, no: 0), incarnation: incarnation, rejected: [], installation: installation,
      isSurveyed: isSurveyed)
    return try await source.publish([mark], over: connection)[lane]
  }

  private func marksOnlyMoveForwardWithinAnIncarnation() async throws {
    func mark() async throws -> [UInt64] {
      let mark = try await source.marks(of: [lane])[0]
      return mark.map { [UInt64($0.incarnation), $0.durable.ms] } ?? []
    }
    #expect(try await mark() == [])
    #expect(try await publish(4, incarnation: 1, isSurveyed: false)?.kind == .unmarked)
    #expect(try await mark() == [], "a lane's first mark follows a survey")
    #expect(try await publish(4, incarnation: 1) == nil)
    #expect(try await publish(3, incarnation: 1, isSurveyed: false) == nil)
    #expect(try await mark() == [1, 4], "a lower mark of one incarnation is ignored")
    #expect(try await publish(2, incarnation: 2) == nil)
    #expect(try await mark() == [2, 2], "a later incarnation may fall back")
    #expect(try await publish(6, incarnation: 1)?.kind == .outdated(2))
    #expect(try await mark() == [2, 2])
  }

  private func aWriteNamesItsConnection() async throws {
    let connection = try await source.survey([ExpectedStream(record(at: 2), knownAdded: 0)], on: server).connection
    #expect(source.writeConnection(to: try await server) == connection)
    let other = WriteConnection(server: connection.server, number: connection.number + 1)
    let cut = TrimCut(lane: lane, below: EntryID(ms: 6, no: 0), installation: installation)
    await #expect(throws: SourceError.self) { try await source.trim([cut], over: other) }
    #expect(try await observed()?.stream?.length == 6, "nothing is trimmed over another connection")
    await #expect(throws: SourceError.self) {
      try await source.publish(
        [DurableMark(lane: lane, durable: EntryID(ms: 9, no: 0), incarnation: 9, rejected: [], installation: installation)], over: other)
    }
    #expect(try await source.marks(of: [lane])[0]?.incarnation == 2, "nothing is published over another connection")
  }

  private func trimmingRemovesWhatIsBelowAndNoMore() async throws {
    let connection = try await source.survey([ExpectedStream(record(at: 4), knownAdded: 0)], on: server).connection
    let cut = TrimCut(lane: lane, below: EntryID(ms: 4, no: 0), installation: installation)
    #expect(try await source.trim([cut], over: connection).map { try $0.get() } == [3])
    let stream = try await observed()?.stream
    #expect(stream?.length == 3 && stream?.entriesAdded == 6 && stream?.maxDeletedID == .zero, "trimming leaves Redis' counters alone")
    #expect(stream?.firstID == EntryID(ms: 4, no: 0))
    #expect(try await source.trim([cut], over: connection).map { try $0.get() } == [0])
  }

  private func aMinimumIDIsRaisedAndNeverLowered() async throws {
    #expect(try await source.raiseMinimumID(lane, to: EntryID(ms: 50, no: 0), for: installation))
    _ = try await source.raiseMinimumID(lane, to: EntryID(ms: 20, no: 0), for: installation)
    #expect(try await observed()?.stream?.lastGeneratedID == EntryID(ms: 50, no: 0))
  }
}
