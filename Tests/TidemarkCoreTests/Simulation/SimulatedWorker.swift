@testable import TidemarkCore

/// A worker without tasks and connections: the decisions of the core, and for each of its connections what is under way on it. What is sent
/// is executed by the server some steps later, and answered later still, or never.
struct SimulatedWorker {
  enum Reading {
    case idle
    case readSent(LaneReadRequest)
    case readAnswered(LaneReadRequest, EntryBlock?)
    case checkSent([ExpectedStream])
    case checkAnswered([ExpectedStream], [ObservedStream])
  }

  /// One writer's connection.
  struct Writer {
    enum Sent {
      case nothing
      /// On its way to the server.
      case commit(ChangeBatch, CommitMode)
      case answered(ChangeBatch, Result<BatchOutcome, SinkError>)
      /// The answer will never come; the transaction may still be executed until its backend is ended.
      case lost(ChangeBatch, CommitMode, isExecuted: Bool)
    }

    var plan: CommitPlan?
    var batch: ChangeBatch?
    var machine: CommitMachine?
    var mode = CommitMode.fast
    var sent = Sent.nothing
    var expectsBadRecords = false
  }

  let name: Int
  var scheduler: LaneScheduler
  var reading = Reading.idle
  var writers: [Writer]
  var marks: [DurableMark] = []
  var evidence = CommitEvidence()
  var frozenUntil: ContinuousClock.Instant?
  var leaseDue: ContinuousClock.Instant
  var timeline: Int
  var pendingReplacements = PendingReplacements()
  /// `text.unstorable`, as it is set where the worker runs.
  let replacesNUL: Bool
  /// What was known before the ledger was asked, and its answer.
  var comparison: (committed: CommittedLanes, found: [LaneRecord]?)?
  /// Lanes whose streams discovery may not find.
  var expected = ExpectedLanes()
  /// Lanes that were owned when leases were looked at last.
  var owned: Set<String> = []

  init(name: Int, limits: FlowLimits, writers: Int, timeline: Int, replacesNUL: Bool, now: ContinuousClock.Instant) {
    self.name = name
    self.replacesNUL = replacesNUL
    scheduler = LaneScheduler(limits: limits)
    self.writers = (0..<writers).map { _ in Writer() }
    leaseDue = now
    self.timeline = timeline
  }

  /// The server has ended: what it had not executed it never will.
  mutating func loseConnections() {
    for index in writers.indices {
      switch writers[index].sent {
      case .commit(let batch, let mode), .lost(let batch, let mode, isExecuted: false):
        writers[index].sent = .lost(batch, mode, isExecuted: true)
      case .nothing, .answered, .lost: break
      }
    }
    if comparison?.found == nil { comparison = nil }
  }

  /// Made once: it takes longer than a schedule.
  private static let routes = RouteTable()

  static func build(
    _ parts: [LaneScheduler.Work.Part], deadLettered: [EntryID: Rejection] = [:], replacesNUL: Bool = false
  ) -> ChangeBatch {
    var builder = BatchBuilder(
      routes: routes, limits: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: replacesNUL), builtIn: nil)
    for part in parts { builder.append(lane: part.record, part.chunks, gaps: part.gaps) }
    var batch = builder.finish()
    let indices = batch.entries.indices.compactMap { index in deadLettered[batch.entries[index].id].map { (index, $0) } }
    batch.reject(Dictionary(uniqueKeysWithValues: indices))
    return batch
  }
}
