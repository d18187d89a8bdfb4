/// The lanes and their cursors. All methods throw ``SinkError`` and may be called again after they threw: each states what must be, and repeating it
/// changes nothing.
package protocol LaneLedger: Sendable {
  /// Returns lanes by name; names without a row are left out.
  func lanes(named names: [String]) async throws -> [LaneRecord]

  /// Returns the names of the lanes of these shards of whose stream something is known in its present incarnation: if such a stream is gone, that has to
  /// be recorded.
  func begunLanes(of shards: [Int]) async throws -> [String]

  /// Returns lanes by name, with the identity of the ledger that answered, and the connection that was used.
  func ledger(of names: [String]) async throws -> LedgerReading

  /// Makes rows for lanes that have none; the others are left alone.
  func register(_ lanes: [NewLane]) async throws

  /// Makes this worker the owner of those of the lanes whose shards it holds, where their rows say something else: a row that is made while its shard
  /// changes hands may miss that. Returns them under their new fencing tokens.
  func reclaim(_ lanes: [String], for worker: WorkerIdentity) async throws -> [LaneRecord]

  /// Returns those of these items of `lanes` that took effect before, by their names or patterns.
  func itemsInEffect(_ streams: [String]) async throws -> [ItemInEffect]

  /// Records that an item takes effect, and makes rows for its lanes, in one step; does nothing where the item took effect before. Returns whether it
  /// takes effect now.
  func putInEffect(_ item: NewItem, by worker: WorkerIdentity) async throws -> Bool

  /// Ends a lane's incarnation and begins the next, with a gap row. Fenced as a commit is.
  func begin(_ incarnation: NewIncarnation) async throws

  /// Raises a lane's incarnation, and changes nothing else. Returns false where the lane has another owner or incarnation by now.
  func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) async throws -> Bool

  /// Records, once an incarnation, that a lane's stream is not the one that was read. Refused where the lane has another owner or incarnation by
  /// now, as a commit is.
  func recordBreak(_ lane: LaneRecord, _ replacement: StreamReplacement) async throws

  /// Records that these lanes have their mirroring group: from now on its absence says that the stream was replaced.
  func mirrored(_ lanes: [LaneRecord]) async throws
}

extension LaneLedger {
  /// Returns lanes by name, by their names.
  package func records(of names: [String]) async throws -> [String: LaneRecord] {
    Dictionary(try await lanes(named: names).map { ($0.name, $0) }) { $1 }
  }
}
