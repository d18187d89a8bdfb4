/// What Redis says of the lane of some sessions.
package struct HotLane: Sendable, Equatable {
  /// The last id that the lane's stream gave; nil where there is no stream.
  package var end: EntryID?
  /// The incarnation of the lane's mark; nil where there is none.
  package var incarnation: Int64?
  /// The history of the server's data, as Redis names it: another one begins where a replica is promoted, which may lack the last changes. Nil
  /// where it is not known.
  package var history: String?
  /// The history at which the lane was last compared with its stream and its mark was published; nil where it is not known.
  package var markHistory: String?

  package init(end: EntryID?, incarnation: Int64?, history: String? = nil, markHistory: String? = nil) {
    self.end = end
    self.incarnation = incarnation
    self.history = history
    self.markHistory = markHistory
  }

  /// Whether no worker has compared the lane with its stream in the present history, as far as is known.
  package var isUncompared: Bool {
    guard let history, let markHistory else { return false }
    return history != markHistory
  }
}

/// Decides whether the ledger has everything of a lane's sessions that Redis has or had, as far as anybody knows. Before that, a restore would
/// put back the past.
package enum RestoreReadiness: Sendable, Equatable {
  case ready
  /// The lane's stream holds changes that are not committed.
  case uncommitted
  /// The stream is not the one that was read, and the worker that serves the lane has not begun the next incarnation. It may still commit what
  /// it read of the old stream.
  case replaced
  /// The lane's server was promoted, or the lane is at another one, and the worker that serves the lane has not compared the stream since. It may
  /// still commit what it read of the old one.
  case uncompared

  /// - Parameters:
  ///   - record: the lane in the ledger, read after Redis was asked; nil where the ledger does not know it.
  ///   - earlier: the lane's cursor, read before Redis was asked: what is committed later may be behind the end that Redis told.
  ///   - isServed: whether a worker holds the lane's shard, as ``HotStateLedger/servedLanes(_:)`` says. Otherwise, and after
  ///     ``HotStateLedger/fenceUnserved(_:)``, no worker can commit what it has read.
  ///   - end: the entry up to which changes must be committed.
  package init(_ record: LaneRecord?, earlier: EntryID, redis: HotLane, isServed: Bool, through end: EntryID) {
    if isServed, let record, record.hasMark, record.incarnation != redis.incarnation || (redis.end ?? .zero) < earlier {
      self = .replaced
    } else if isServed, record?.hasMark == true, redis.isUncompared {
      self = .uncompared
    } else {
      self = record?.cursor.position ?? .zero < end ? .uncommitted : .ready
    }
  }
}
