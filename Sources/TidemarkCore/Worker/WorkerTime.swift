/// The moment of an event, as the shell hands it in.
package struct WorkerTime: Sendable {
  /// The time by which is decided.
  package var now: ContinuousClock.Instant
  /// The Unix milliseconds of this machine, which are only shown.
  package var milliseconds: Int64

  package init(now: ContinuousClock.Instant, milliseconds: Int64 = 0) {
    self.now = now
    self.milliseconds = milliseconds
  }
}

extension WorkerClock {
  package var time: WorkerTime { WorkerTime(now: now, milliseconds: milliseconds) }
}
