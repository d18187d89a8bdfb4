/// What stops lanes, and what operators want of them.
extension WorkerState {
  /// Records the requests of operators for lanes, as the ledger has them.
  package mutating func controlled(_ controls: [LaneControl], now: ContinuousClock.Instant) {
    let change = self.controls.seen(controls)
    for lane in scheduler.pause(change.paused) {
      effects.notices.append(change.paused.contains(lane) ? .lanePaused(lane) : .laneResumed(lane))
      observation.noteChange(lane)
    }
    if !change.retried.isEmpty { revive(.retried(change.retried), now: now) }
    if !change.resolved.isEmpty { revive(.resolved(change.resolved), now: now) }
  }

  /// - Parameter isOfReading: see ``LaneScheduler/halt(_:reason:hint:until:isOfReading:isOfDeadLetters:)``.
  package mutating func halt(
    _ lane: String, reason: String, hint: String?, for backoff: Duration?, isOfReading: Bool = false, now: ContinuousClock.Instant
  ) {
    guard scheduler.lanes[lane] != nil else { return }
    views[lane, default: LaneView()].error = .init(text: reason, hint: hint)
    scheduler.halt(lane, reason: reason, hint: hint, until: backoff.map { now.advanced(by: $0) }, isOfReading: isOfReading)
    observation.noteChange(lane)
  }

  /// Tries halted lanes again.
  package mutating func revive(_ revival: LaneScheduler.Revival = .backoffEnded, now: ContinuousClock.Instant) {
    for lane in scheduler.revive(revival, now: now) {
      // The error is over, until the lane fails again.
      if revival != .backoffEnded { views[lane]?.error = nil }
      observation.noteChange(lane)
    }
  }
}
