/// The destination of changes: the ledger of one schema in Postgres. Every method throws ``SinkError``.
///
/// Every method may be called again after it threw, except for ``ChangeWriter/commit(_:_:)`` and ``noteUnknownTypes(_:)``: it states a
/// desired state, and repeating the call changes nothing.
package protocol ChangeSink: Sendable {
  /// Records that this worker lives and whether it can serve lanes, and renews its leases. A lease of this worker that ran out is renewed,
  /// too, unless another worker took it.
  ///
  /// - Returns: the leases that the worker holds.
  func renew(_ worker: WorkerIdentity, canServe: Bool, for ttl: Duration) async throws -> LeaseGrant

  /// Records which settings of a worker wait for its restart, for readers of the status; nil if there are none.
  func note(notInForce settings: String?, of worker: WorkerIdentity) async throws

  /// Returns all leases, and the workers that renewed within `ttl`.
  func leases(within ttl: Duration) async throws -> LeaseTable

  /// Acquires those of the shards that are still free. From then on no transaction of an earlier owner commits.
  ///
  /// - Returns: the leases that were acquired.
  func take(_ shards: [Int], for worker: WorkerIdentity, ttl: Duration) async throws -> LeaseGrant

  /// Releases those of the shards that the worker holds, and notifies the other workers.
  func release(_ shards: [Int], of worker: WorkerIdentity) async throws

  /// Releases all leases of the worker, removes it from the ledger, and notifies the other workers.
  func leave(_ worker: WorkerIdentity) async throws

  /// Creates a connection that receives the notifications of other workers. It connects with its first call.
  func makeLeaseNews() throws -> any LeaseNews

  /// Returns the lanes with these names. Names without a row are left out.
  func lanes(named names: [String]) async throws -> [LaneRecord]

  /// Returns the names of those lanes of the shards whose stream is known in its present incarnation. If such a stream is gone, that must
  /// be recorded.
  func begunLanes(of shards: [Int]) async throws -> [String]

  /// Returns the lanes with these names, with the identity of the ledger and the connection over which they were read.
  func ledger(of names: [String]) async throws -> LedgerReading

  /// Creates rows for the lanes that have none. Existing rows are not changed.
  func register(_ lanes: [NewLane]) async throws

  /// Makes this worker the owner of those of the lanes whose shards it holds and whose rows name another owner. A row that is created while
  /// its shard changes hands may have missed the new owner.
  ///
  /// - Returns: those lanes, under their new fencing tokens.
  func reclaim(_ lanes: [String], for worker: WorkerIdentity) async throws -> [LaneRecord]

  /// Returns those of these items of `lanes` that took effect before, by their names or patterns.
  func itemsInEffect(_ streams: [String]) async throws -> [ItemInEffect]

  /// Records that an item takes effect, and creates rows for its lanes, in one step. Changes nothing where the item took effect before.
  ///
  /// - Returns: whether the item takes effect now.
  func putInEffect(_ item: NewItem, by worker: WorkerIdentity) async throws -> Bool

  /// Ends a lane's incarnation and begins the next, with a gap row. It is fenced like a commit.
  func begin(_ incarnation: NewIncarnation) async throws

  /// Raises a lane's incarnation, and changes nothing else of the lane. Returns false where the lane has another owner or incarnation by
  /// now.
  func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) async throws -> Bool

  /// Records, once an incarnation, that a lane's stream is not the one that was read.
  func recordBreak(_ lane: LaneRecord, _ cause: LaneGap.Cause, atLeast: UInt64) async throws

  /// Records that these lanes have their mirroring group, so that its later absence shows that a stream was replaced.
  func mirrored(_ lanes: [LaneRecord]) async throws

  /// Returns the requests of operators for all lanes for which there ever was one.
  func laneControls() async throws -> [LaneControl]

  /// Records the states of lanes, for readers of `lanes` that ask no worker.
  func note(_ states: [LaneNote]) async throws

  /// Adds to the counts of entries by type, for types that the catalog does not know. Only the first of very many types are kept.
  func noteUnknownTypes(_ types: [String: Int]) async throws

  /// Inserts a checkpoint row for each lane, from the ledger's own cursor.
  func checkpoint(_ marks: [CheckpointMark], worker: WorkerIdentity) async throws

  /// Returns all lanes of the ledger, whatever their owner, and the time on the ledger's clock.
  func eventIDLanes() async throws -> (now: Int64, lanes: [EventIDRetention.Lane])

  /// Returns the lanes that have dead letters which were resolved longer ago than `age`.
  func lanesOfLetters(resolvedBefore age: Duration) async throws -> [String]

  /// Removes the rows that a rule names, in one short transaction for a piece of about `rows` rows. A nil `place` is the beginning of the
  /// table.
  func remove(_ rule: RetentionRule, from place: RetentionPlace?, rows: Int) async throws -> RetentionPiece

  /// Creates a connection for committing batches.
  func makeWriter() throws -> any ChangeWriter
}
