import Testing

@testable import TidemarkCore

extension WorkerSettings {
  /// The settings of a worker that serves every stream whose name begins with `a`, `b` or `c`.
  static func serving(_ streams: [String] = ["a*", "b*", "c*"], limits: FlowLimits = flowLimits()) -> WorkerSettings {
    WorkerSettings(
      flow: limits, decode: .init(maxEntryBytes: 10_000, replacesNUL: false),
      retry: RetryPolicy(base: .milliseconds(10), cap: .seconds(1)),
      lanes: LaneCatalog(prefix: "tidemark", partitions: nil, items: streams.map { LaneItem(streams: $0, start: .oldest) }), writers: 1,
      discover: .seconds(1), leaseTTL: .seconds(10), checkpointInterval: .seconds(10),
      retention: RetentionLimits(dedupeWindow: .seconds(60)))
  }
}

extension WorkerState {
  /// A worker that owns these lanes up to their fifth entry, and whose effects were executed.
  static func owning(
    _ names: [String] = ["a"], at server: LaneServer = .only, settings: WorkerSettings = .serving()
  ) -> WorkerState {
    var state = WorkerState(settings: settings)
    let shards = Set(names.map { Shard.of($0) })
    _ = state.hold(LeaseGrant(shards: Dictionary(uniqueKeysWithValues: shards.map { ($0, 1) })))
    state.acquire(names.map { .owned($0) }, at: server, now: epoch)
    _ = state.takeEffects()
    return state
  }

  mutating func effects(of event: (inout WorkerState) -> Void) -> WorkerEffects {
    event(&self)
    return takeEffects()
  }

  /// Reads entries of these sizes for the first lane that is requested.
  mutating func read(_ sizes: [Int], at server: LaneServer = .only) {
    guard let request = nextRequest(at: server) else { return }
    received(.sized(sizes, first: request.positions[0].after.ms + 1), for: request, now: epoch)
  }

  /// Returns the next request to a server that is due at once.
  mutating func nextRequest(at server: LaneServer = .only) -> LaneReadRequest? {
    var next = nextRead(at: server, block: .zero, now: epoch)
    // The checks of streams belong to other tests.
    while case .check = next { next = nextRead(at: server, block: .zero, now: epoch) }
    return if case .read(let request) = next { request } else { nil }
  }

  mutating func takeWork() -> LaneScheduler.Work? {
    if case .work(let work) = nextWork(now: epoch) { work } else { nil }
  }

  mutating func commit(_ work: LaneScheduler.Work) {
    finish(work.parts.map { ($0, .committed($0.committed, deadLettersInARow: 0)) }, at: WorkerTime(now: epoch))
  }
}

extension LaneRecord {
  /// The record of a lane whose first five entries are committed.
  static func owned(_ name: String, fence: Int64 = 1, upTo ms: UInt64 = 5) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: name, shard: Shard.of(name), fence: fence, incarnation: 1,
      cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: Int64(ms)), ordinal: ms, baseline: 0, owner: "me",
      isMirrored: true)
  }
}

extension StreamComparison {
  /// A lane compared with a stream to which so many entries were added, one a millisecond; nil for no stream.
  static func of(_ lane: ExpectedStream, added: UInt64?) -> StreamComparison {
    let stream = added.map {
      StreamInfo(
        length: $0, lastGeneratedID: EntryID(ms: $0, no: 0), entriesAdded: $0, maxDeletedID: .zero, firstID: EntryID(ms: 1, no: 0),
        lastID: EntryID(ms: $0, no: 0))
    }
    let observed = ObservedStream(stream: stream, hasGroup: stream != nil, anchor: stream == nil ? .gone : .there(nil))
    return StreamComparison(lane, observed, anchor: stream == nil ? .gone : .same)
  }
}
