/// Which lanes are halted or paused, and what lets them go on.
extension LaneScheduler {
  mutating func countDeadLetters(_ trailing: Int, of read: Int, lane: String) {
    guard let before = lanes[lane]?.deadLettersInARow else { return }
    let inARow = trailing == read ? before + trailing : trailing
    lanes[lane]?.deadLettersInARow = inARow
    guard inARow >= limits.haltAfterDeadLetters, lanes[lane]?.isClosing == false else { return }
    let name = ShellWord.quoted(lane)
    halt(
      lane, reason: "\(inARow) dead letters in a row, as many as dead_letters.halt_after allows",
      hint: "see `tidemark dead-letters list --lane \(name)` and fix the producer; the lane goes on once one of them is discarded or "
        + "replayed, after `tidemark lanes retry \(name)` or SIGHUP; a change of dead_letters.halt_after takes a restart",
      until: nil, isOfDeadLetters: true)
  }

  /// Stops a lane, to read it again from its cursor when it is revived; `until` nil waits for an operator. What was read is kept where nobody
  /// may be able to read it again: the lane's stream is gone, or Redis refuses to read it.
  ///
  /// - Parameters:
  ///   - isOfReading: nothing speaks against committing what was read.
  ///   - isOfDeadLetters: see ``OwnedLane/Halt/isOfDeadLetters``.
  package mutating func halt(
    _ lane: String, reason: String, hint: String?, until: ContinuousClock.Instant?, isOfReading: Bool = false,
    isOfDeadLetters: Bool = false
  ) {
    guard var flow = lanes[lane], !(isOfReading && flow.isClosing) else { return }
    let isKept = isOfReading || flow.closing == .replaced
    if !isKept { release(flow.rewind()) }
    flow.halt = OwnedLane.Halt(
      reason: reason, hint: hint, until: until, isOfReading: isOfReading, isOfDeadLetters: isOfDeadLetters)
    flow.deadLettersInARow = 0
    lanes[lane] = flow
    halted.insert(lane)
    halts.halted(lane, reason: reason, hint: hint, isOfReading: isOfReading)
    withReads(of: lane) { $0.remove(lane) }
    queue(lane)
    end(lane)
  }

  /// Why halted lanes are tried again.
  package enum Revival: Sendable, Equatable {
    /// Those whose rest is over.
    case rested
    /// An operator wants all of them to be tried.
    case all
    /// An operator wants these to be tried.
    case retried(Set<String>)
    /// Dead letters of these lanes were resolved: those that such letters halted.
    case resolved(Set<String>)
  }

  /// Halted lanes go on. Returns their names. One with a transaction under way goes on once that is decided, when the rested ones do.
  package mutating func revive(_ revival: Revival = .rested, now: ContinuousClock.Instant) -> [String] {
    let wanted = halted.sorted().filter { name in
      guard let halt = lanes[name]?.halt else { return false }
      return switch revival {
      case .rested: halt.until.map { $0 <= now } ?? false
      case .all: true
      case .retried(let names): names.contains(name)
      case .resolved(let names): halt.isOfDeadLetters && names.contains(name)
      }
    }
    for name in wanted {
      guard lanes[name]?.inFlight == nil else {
        lanes[name]?.halt?.until = now
        continue
      }
      lanes[name]?.halt = nil
      halted.remove(name)
      if revival != .rested { halts.resumed(name) }
      if lanes[name]?.isRead == true { withReads(of: name) { $0.add(name) } }
      queue(name)
    }
    return wanted.filter { lanes[$0]?.halt == nil }
  }

  /// These lanes, and no others, are paused from now on. Returns the owned lanes for which that is news.
  @discardableResult
  package mutating func pause(_ names: Set<String>) -> [String] {
    let changed = paused.symmetricDifference(names).filter { lanes[$0] != nil }.sorted()
    paused = names
    for name in changed {
      let isPaused = names.contains(name)
      lanes[name]?.isPaused = isPaused
      if isPaused {
        withReads(of: name) { $0.remove(name) }
      } else if lanes[name]?.isRead == true {
        withReads(of: name) { $0.add(name) }
      }
      queue(name)
    }
    return changed
  }

  /// What is to be said of lanes that halted or went on since the last call.
  package mutating func takeHaltEvents() -> [HaltReport.Event] { halts.takeEvents() }
}
