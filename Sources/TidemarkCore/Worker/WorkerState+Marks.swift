/// Which marks may be published, and what Redis refuses.
extension WorkerState {
  /// Returns those of these lanes whose marks may be published over a connection without a survey.
  package func trusted(_ lanes: [String], over connection: WriteConnection?) -> Set<String> {
    trust.lanes(over: connection).intersection(lanes)
  }

  /// Begins a survey of lanes whose marks are to be published.
  ///
  /// - Parameter records: the lanes as they were committed.
  package func survey(_ records: [LaneRecord]) -> MarkSurvey {
    MarkSurvey(records.map { ($0.name, eligibility(of: $0)) }, losses: trust.losses)
  }

  private func eligibility(of record: LaneRecord) -> MarkSurvey.Eligibility {
    guard let flow = scheduler.lanes[record.name], flow.record.fence == record.fence, flow.record.incarnation == record.incarnation else {
      let pending = pendingReplacements.pending(of: record)
      return .left(ExpectedStream(record, after: pending), pending)
    }
    return flow.closing == .replaced ? .replaced : .owned(flow.check)
  }

  /// Records what a survey over a connection has found. Returns the verdicts by lane; nil where a stream turned out to be replaced
  /// meanwhile, so that the survey must be repeated.
  package mutating func surveyed(
    _ survey: MarkSurvey, _ comparisons: [StreamComparison], over connection: WriteConnection?
  ) -> [String: MarkVerdict]? {
    let verdicts = survey.verdicts(comparisons)
    let sound = survey.ownedLanes.filter { verdicts[$0] == .publish && scheduler.lanes[$0] != nil }
    return trust.trust(sound, over: connection, unlessLostSince: survey.losses) ? verdicts : nil
  }

  /// Returns what is expected of those of these lanes that this worker owns under these records, and whose streams were not replaced. Only
  /// these may get a mirroring group.
  package func mirrorChecks(_ records: [LaneRecord]) -> [ExpectedStream] {
    records.compactMap { if case .owned(let check) = eligibility(of: $0) { check } else { nil } }
  }

  /// Records that Redis refused marks of these lanes, because it knows a later incarnation. Those that are still owned under these records
  /// are released, to be acquired again under an incarnation above that one; returns them. Where another worker has a lane by now, the mark
  /// was merely late.
  package mutating func markRefused(_ records: [LaneRecord]) -> [LaneRecord] {
    let released = records.filter { record in
      guard let flow = scheduler.lanes[record.name], flow.closing != .replaced else { return false }
      return flow.record.fence == record.fence && flow.record.incarnation == record.incarnation
    }
    release(released.map(\.name))
    return released
  }

  /// Records what Redis refused of lanes. Lanes whose marks bear another installation's id are not read for a while, and the claim is
  /// compared at once.
  ///
  /// - Returns: those of these lanes that this worker does not own any more. Their marks are dropped, because the next owner begins with
  ///   them; a lane that stays this worker's may commit nothing more, so its mark must wait.
  @discardableResult
  package mutating func refused(_ errors: [String: SourceError], now: ContinuousClock.Instant) -> Set<String> {
    let foreign = errors.filter { $0.value.kind == .otherInstallation($0.key) }
    for (lane, error) in foreign where scheduler.lanes[lane] != nil {
      halt(
        lane, reason: error.description,
        hint: "choose another redis.prefix, or take the prefix over with `tidemark migrate --adopt`", for: settings.flow.haltBackoff,
        now: now)
    }
    if !foreign.isEmpty { effects.signals.insert(.claim) }
    return Set(foreign.keys.filter { scheduler.lanes[$0] == nil })
  }

  package mutating func publishingFailed(_ reason: String?) { failures.marks = reason }
}
