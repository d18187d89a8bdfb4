/// Where changes go: the ledger of one schema in Postgres. Every method throws ``SinkError``.
///
/// All but ``ChangeWriter/commit(_:_:)`` and ``noteUnknownTypes(_:)`` may be called again after they threw: they state what shall be, and repeating them
/// changes nothing.
package protocol ChangeSink: Sendable {
  /// Says that this worker lives and whether it is able to serve lanes, and renews what it holds; answers that. A lease of its own that
  /// ran out goes on while nobody took it.
  func renew(_ worker: WorkerIdentity, canServe: Bool, for ttl: Duration) async throws -> LeaseGrant

  /// All leases, and the workers that were heard of within `ttl`.
  func leases(within ttl: Duration) async throws -> LeaseTable

  /// Takes those of these shards that are still free; answers them. From then on nothing of an earlier owner commits.
  func take(_ shards: [Int], for worker: WorkerIdentity, ttl: Duration) async throws -> LeaseGrant

  /// Gives back those of these shards that the worker holds, and tells the others.
  func release(_ shards: [Int], of worker: WorkerIdentity) async throws

  /// Gives everything back and forgets the worker, and tells the others.
  func leave(_ worker: WorkerIdentity) async throws

  /// A connection of its own that hears what the others tell. Connects nothing yet.
  func makeLeaseNews() throws -> any LeaseNews

  /// Lanes by name; names without a row are left out.
  func lanes(named names: [String]) async throws -> [LaneRecord]

  /// Names of the lanes of these shards of whose stream something is known in its present incarnation: if the stream is gone, that is to be
  /// recorded.
  func begunLanes(of shards: [Int]) async throws -> [String]

  /// Lanes by name, with which ledger it is that says so, and over which connection.
  func ledger(of names: [String]) async throws -> LedgerReading

  /// Makes rows for lanes that have none; the others are left alone.
  func register(_ lanes: [NewLane]) async throws

  /// Makes this worker the owner of those of the lanes whose shards it holds, where their rows say something else: a row that is made while its
  /// shard changes hands may miss that. Answers them under their new fencing tokens.
  func reclaim(_ lanes: [String], for worker: WorkerIdentity) async throws -> [LaneRecord]

  /// Those of these items of `lanes` that took effect before, by their names or patterns.
  func itemsInEffect(_ streams: [String]) async throws -> [ItemInEffect]

  /// Remembers that an item takes effect, and makes rows for its lanes, in one step; nothing of it where the item took effect before. Answers
  /// whether it takes effect now.
  func putInEffect(_ item: NewItem, by worker: WorkerIdentity) async throws -> Bool

  /// Ends a lane's incarnation and begins the next, with a gap row. Fenced as a commit is.
  func begin(_ incarnation: NewIncarnation) async throws

  /// Raises a lane's incarnation, and changes nothing else of it. False where the lane has another owner or incarnation by now.
  func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) async throws -> Bool

  /// Records that a lane's stream is not the one that was read, once an incarnation.
  func recordBreak(_ lane: LaneRecord, _ cause: LaneGap.Cause, atLeast: UInt64) async throws

  /// Notes that these lanes have their mirroring group: from now on its absence tells something.
  func mirrored(_ lanes: [LaneRecord]) async throws

  /// What operators want of lanes: of all of which they ever wanted anything.
  func laneControls() async throws -> [LaneControl]

  /// Notes what state lanes are in, for whoever reads `lanes` without a worker.
  func note(_ states: [LaneNote]) async throws

  /// Adds to how many entries had each of these types, which the catalog does not know. Of very many types only the first are kept.
  func noteUnknownTypes(_ types: [String: Int]) async throws

  /// A checkpoint row for each lane, from the ledger's own cursor.
  func checkpoint(_ marks: [CheckpointMark], worker: WorkerIdentity) async throws

  /// All lanes of the ledger, whoever owns them, and what time it is there.
  func eventIDLanes() async throws -> (now: Int64, lanes: [EventIDRetention.Lane])

  /// Lanes with dead letters that were resolved longer ago than this.
  func lanesOfLetters(resolvedBefore age: Duration) async throws -> [String]

  /// Removes what a rule says, a piece of about so many rows: one short transaction. Nil is the beginning of the table.
  func remove(_ rule: RetentionRule, from place: RetentionPlace?, rows: Int) async throws -> RetentionPiece

  /// A connection of its own for committing batches.
  func makeWriter() throws -> any ChangeWriter
}
