import Synchronization
import TidemarkCore

@testable import TidemarkEngine

/// Streams in memory.
final class MemorySource: LaneSource {
  private struct State {
    var streams: [String: [(id: EntryID, raw: [[UInt8]])]] = [:]
    var marks: [String: DurableMark] = [:]
    /// Entries that were trimmed, by lane.
    var trimmed: [String: Int] = [:]
    var trimRounds = 0
    /// Entries of streams that are gone had ids up to here: the clock does not go back.
    var deletedThrough: UInt64 = 0
    var milliseconds: UInt64 = 1_000
    var committed: (@Sendable (String) -> EntryID?)?
    var untimely: [DurableMark] = []
    var isAway = false
    var refused: [String: SourceError] = [:]
    /// The same of marks alone.
    var refusedMarks: [String: SourceError] = [:]
    /// Where lanes and their marks are, if not at the only server.
    var places: [String: (lane: LaneServer, mark: LaneServer)] = [:]
    var silent: Set<LaneServer> = []
    var waiting: [DurableMark] = []
    var connections = 1
    /// The position after which each lane was read last.
    var readPositions: [String: EntryID] = [:]
    /// What the next read finds behind a new connection.
    var successor: [String: [EntryID]]?
  }

  let readers: (any TaskExecutor)? = nil
  let publishers: (any TaskExecutor)? = nil
  let blockingLanes = ReadPlan.Pace().blockingLanes
  func rearranged() async throws { try await neverRearranged() }

  private let state = Mutex(State())
  private let written = ChangeSignal()

  /// Appends one message; answers its id.
  func append(_ lane: String, session: String = "s", content: String = "hello") -> EntryID {
    let raw = Self.fields(session, content)
    defer { written.raise() }
    return state.withLock { state in
      let id = EntryID(ms: max(state.streams[lane]?.last?.id.ms ?? 0, state.deletedThrough) + 1, no: 0)
      state.streams[lane, default: []].append((id, raw))
      return id
    }
  }

  /// Takes the stream away: DEL.
  func delete(_ lane: String) {
    state.withLock { state in
      state.deletedThrough = max(state.deletedThrough, state.streams[lane]?.last?.id.ms ?? 0)
      state.streams[lane] = nil
      state.trimmed[lane] = nil
    }
  }

  /// The next read is of another server, whose stream holds these entries: a replica that has become the master.
  func failOver(_ lane: String, to entries: [EntryID]) {
    state.withLock { $0.successor = [lane: entries] }
    written.raise()
  }

  private static func fields(_ session: String, _ content: String) -> [[UInt8]] {
    ["type", "message.appended", "session", session, "role", "user", "content", content].map { Array($0.utf8) }
  }

  /// Whether nobody can be reached here.
  func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

  private func checkReachable() throws {
    if state.withLock({ $0.isAway }) { throw SourceError(.unavailable, "nobody answers") }
  }

  /// The entry behind which the worker asked for more of a lane: it has all entries up to there.
  func readPosition(_ lane: String) -> EntryID? { state.withLock { $0.readPositions[lane] } }

  func durable(_ lane: String) -> EntryID? { state.withLock { $0.marks[lane]?.durable } }

  func read(_ request: LaneReadRequest) async throws -> LaneReadReply {
    try checkReachable()
    let seen = written.generation
    let reply: LaneReadReply = state.withLock { state in
      if let successor = state.successor {
        for (lane, ids) in successor { state.streams[lane] = ids.map { ($0, Self.fields("s", "\($0) of another")) } }
        state.connections += 1
        state.successor = nil
      }
      var whole = EntryBlock()
      for (index, position) in request.positions.enumerated() {
        state.readPositions[position.lane] = position.after
        let entries = (state.streams[position.lane] ?? []).filter { $0.id > position.after }.prefix(request.count)
        guard !entries.isEmpty else { continue }
        let first = whole.entries.count
        for entry in entries { whole.add(EntryBlock(id: entry.id, raw: entry.raw)) }
        whole.sections.append(.init(lane: index, entries: first..<whole.entries.count))
      }
      return whole.entries.isEmpty ? .nothing : .entries(whole)
    }
    // Blocks, but not so long that a test would wait for a lane that was taken meanwhile.
    if case .nothing = reply { await written.wait(after: seen, until: .now.advanced(by: .milliseconds(5)), on: SystemClock()) }
    return reply
  }

  func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] { try await observe(lanes) }

  func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] {
    try checkReachable()
    return state.withLock { state in
      lanes.map { lane in
        if let refusal = state.refused[lane.lane] { return .refused(refusal) }
        guard let stream = state.streams[lane.lane] else { return .seen(ObservedStream(stream: nil, hasGroup: false, anchor: .gone)) }
        let anchor = stream.first { $0.id == lane.cursor }.map { EntryBlock(id: $0.id, raw: $0.raw) }
        var observed = ObservedStream(
          stream: StreamInfo(
            length: UInt64(stream.count), lastGeneratedID: stream.last?.id ?? .zero,
            entriesAdded: UInt64(stream.count + state.trimmed[lane.lane, default: 0]), maxDeletedID: .zero, firstID: stream.first?.id),
          hasGroup: true, anchor: anchor.map { .there(AnchorDigest(of: $0.entries[0], in: $0)) } ?? .gone)
        observed.next = stream.first { $0.id > lane.cursor }?.id
        return .seen(observed)
      }
    }
  }

  /// The lane's key is something else from now on; nil: it is a stream again.
  func refuseMarks(of lane: String, _ error: SourceError?) { state.withLock { $0.refusedMarks[lane] = error } }
  func refuse(_ lane: String, _ error: SourceError?) { state.withLock { $0.refused[lane] = error } }

  func writeConnection(to server: LaneServer) -> WriteConnection? {
    WriteConnection(server: server, number: state.withLock { $0.connections })
  }

  func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    ObservedStreams(
      connection: WriteConnection(server: server, number: state.withLock { $0.connections }), observations: try await observe(lanes))
  }

  func readConnection(to server: LaneServer) -> Int { state.withLock { $0.connections } }

  func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError] { [:] }
  func memoryShare(beside lane: String) async throws -> Double? { nil }
  var groupName: String { "tidemark" }

  func trim(
    _ cuts: [TrimCut], over connection: WriteConnection
  ) async throws -> [Result<Int, SourceError>] {
    state.withLock { state in
      state.trimRounds += 1
      return cuts.map { cut in
        let stream = state.streams[cut.lane] ?? []
        let kept = stream.filter { $0.id >= cut.below }
        state.streams[cut.lane] = kept
        state.trimmed[cut.lane, default: 0] += stream.count - kept.count
        return .success(stream.count - kept.count)
      }
    }
  }

  func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws {}

  /// How often it was asked to trim.
  var trimRounds: Int { state.withLock { $0.trimRounds } }
  func first(_ lane: String) -> EntryID? { state.withLock { $0.streams[lane]?.first?.id } }
  /// The server's clock, which stands until it is set.
  func setClock(_ milliseconds: UInt64) { state.withLock { $0.milliseconds = milliseconds } }

  func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String> { Set(cursors.map(\.lane)) }
  func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool { true }

  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64 {
    state.withLock { state in UInt64((state.streams[lane] ?? []).count { $0.id > after && $0.id <= through }) }
  }
  func discover(_ pattern: String) async throws -> [String] {
    try checkReachable()
    let glob = GlobPattern(pattern)
    return state.withLock { $0.streams.keys.filter { glob.matches($0) } }
  }
  func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes {
    throw SourceError(.misconfigured, "this source has no doorbell")
  }
  func currentMilliseconds(beside lane: String) async throws -> UInt64 { state.withLock { $0.milliseconds } }

  /// Holds every mark against what the ledger has when it is told.
  func expectCommitted(_ committed: @escaping @Sendable (String) -> EntryID?) { state.withLock { $0.committed = committed } }
  /// Marks that were told before their commit.
  var untimely: [DurableMark] { state.withLock { $0.untimely } }

  /// Says where a lane is, and who takes its marks.
  func place(_ lane: String, at server: LaneServer, marks: LaneServer) { state.withLock { $0.places[lane] = (server, marks) } }
  func servers(of lanes: [String]) async throws -> [LaneServer] {
    state.withLock { state in lanes.map { state.places[$0]?.lane ?? .only } }
  }
  func markServers(of lanes: [String]) async throws -> [LaneServer] {
    state.withLock { state in lanes.map { state.places[$0]?.mark ?? .only } }
  }
  /// It never answers again, when it is told marks.
  func silence(_ server: LaneServer) { state.withLock { _ = $0.silent.insert(server) } }
  /// Marks that a silent server was told.
  var waiting: [DurableMark] { state.withLock { $0.waiting } }

  func marks(of lanes: [String]) async throws -> [DurableMark?] { state.withLock { state in lanes.map { state.marks[$0] } } }
  func forgetMark(of lane: String) { state.withLock { $0.marks[lane] = nil } }
  /// The mark has come by replication, to a server that was promoted.
  func copyMark(of lane: String) { state.withLock { $0.marks[lane]?.isSurveyed = false } }
  /// What agents are told of all lanes.
  var marks: [String: DurableMark] { state.withLock { $0.marks } }
  /// What another worker, or this one before Postgres went back, told of a lane.
  func tell(_ mark: DurableMark) { state.withLock { $0.marks[mark.lane] = mark } }

  func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError] {
    let isSilent = try state.withLock { state in
      if let connection, connection.number != state.connections { throw SourceError(.unavailable, "another connection") }
      let isSilent = marks.contains { state.silent.contains(state.places[$0.lane]?.mark ?? .only) }
      if isSilent { state.waiting += marks }
      return isSilent
    }
    if isSilent { try await neverRearranged() }
    return state.withLock { state in
      let refusals = state.refused.merging(state.refusedMarks) { $1 }
      var refused = refusals.filter { lane, _ in marks.contains { $0.lane == lane } }
      for mark in marks where refused[mark.lane] == nil {
        if let held = state.marks[mark.lane], held.incarnation > mark.incarnation {
          refused[mark.lane] = SourceError(.outdated(held.incarnation), "a later incarnation was told")
        } else if mark.isGone {
          state.marks[mark.lane] = nil
        } else if !mark.isSurveyed, state.marks[mark.lane]?.isSurveyed != true {
          refused[mark.lane] = SourceError(.unmarked, "there is no mark, or it is of another server")
        } else {
          var held = mark
          held.isSurveyed = true
          state.marks[mark.lane] = held
          if let committed = state.committed, committed(mark.lane) ?? .zero < mark.durable { state.untimely.append(mark) }
        }
      }
      return refused
    }
  }
}

extension EntryBlock {
  /// Adds the only entry of another block.
  mutating func add(_ other: EntryBlock) {
    let (start, first) = (UInt32(bytes.count), UInt32(fields.count))
    bytes += other.bytes
    fields += other.fields.map {
      Field(
        nameStart: $0.nameStart + start, nameLength: $0.nameLength, valueStart: $0.valueStart + start, valueLength: $0.valueLength)
    }
    entries += other.entries.map { Entry(id: $0.id, firstField: $0.firstField + first, fieldCount: $0.fieldCount) }
  }
}
