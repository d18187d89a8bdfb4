/// The changes that tasks of a worker wait for. ``WorkerState/takeEffects()`` decides which of them happened.
package struct WorkerSignals: OptionSet, Sendable, Hashable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// Readers: a lane may have new entries, a check is due, or there is credit.
  package static let readable = Self(rawValue: 1 << 0)
  /// All writers: limits changed, or a drain makes progress. A single transaction's worth of entries is ``WorkerEffects/wakesOneWriter``.
  package static let committable = Self(rawValue: 1 << 1)
  /// Hand-overs: a part of a transaction was decided, or lanes were acquired or released.
  package static let advanced = Self(rawValue: 1 << 2)
  /// The task that acquires lanes: settings, shards, the ledger or released lanes changed.
  package static let ownership = Self(rawValue: 1 << 3)
  /// The task that keeps leases: another worker changed something, or this worker's ability to serve changed.
  package static let leases = Self(rawValue: 1 << 4)
  /// The tasks for each server: there are other servers, or another need for a doorbell.
  package static let population = Self(rawValue: 1 << 5)
  /// The observer: a lane may get its mirroring group. Until it has it, a stream that was made anew may look trimmed.
  package static let mirrorable = Self(rawValue: 1 << 6)
  /// Commits that back off: Postgres can't be reached any more, or can again, or a drain began.
  package static let postgres = Self(rawValue: 1 << 7)
  /// The task that follows operators: another worker or an operator changed something in the ledger.
  package static let controls = Self(rawValue: 1 << 8)
  /// The task that compares the claim: marks in Redis turned out to be another installation's.
  package static let claim = Self(rawValue: 1 << 9)
  /// The task that removes old rows: other limits are in force.
  package static let retention = Self(rawValue: 1 << 10)
  /// Every task that backs off: a drain began.
  package static let drain = Self(rawValue: 1 << 11)
  /// The task that evicts sessions: settings changed, memory became short or no longer is, or Postgres went away or came back.
  package static let eviction = Self(rawValue: 1 << 12)

  /// The task that compares lanes with Postgres: settings changed, or Postgres went away or came back.
  package static let reconciliation = Self(rawValue: 1 << 13)

  /// The number of signals.
  package static let count = 14
}

/// What a shell has to do after an event.
package struct WorkerEffects: Sendable, Equatable {
  /// The signals to raise.
  package internal(set) var signals: WorkerSignals = []
  /// Whether a transaction may be ready: one writer is woken, and wakes the next when there is more.
  package internal(set) var wakesOneWriter = false
  /// The lines to log, in their order.
  package internal(set) var notices: [WorkerNotice] = []
}

/// A line to log, of what a person would act on.
package enum WorkerNotice: Sendable, Equatable {
  case laneHalted(String, reason: String, hint: String?)
  case laneResumed(String)
  case lanePaused(String)
  case postgresUnreachable(reason: String)
  case postgresReachable
  case claimConfirmed
  case claimRefused(reason: String, hint: String)
}
