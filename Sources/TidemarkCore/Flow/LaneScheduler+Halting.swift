/// Decides which lanes are halted or paused, and when they go on.
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

  /// Halts a lane, which is read again from its cursor when it goes on. Entries that were read are kept only where they may not be readable
  /// again: the lane's stream is gone, or Redis refuses to read it.
  ///
  /// - Parameters:
  ///   - until: the time at which the lane is tried again; nil waits for an operator.
  ///   - isOfReading: whether only reading failed, so that the entries that were read may be committed.
  ///   - isOfDeadLetters: see ``LaneLife/Halt/isOfDeadLetters``.
  package mutating func halt(
    _ lane: String, reason: String, hint: String?, until: ContinuousClock.Instant?, isOfReading: Bool = false,
    isOfDeadLetters: Bool = false
  ) {
    let halt = LaneLife.Halt(reason: reason, hint: hint, until: until, isOfReading: isOfReading, isOfDeadLetters: isOfDeadLetters)
    guard var flow = lanes[lane], flow.life.halt(halt) else { return }
    let isKept = isOfReading || flow.closing == .replaced
    if !isKept { release(flow.rewind()) }
    flow.deadLettersInARow = 0
    lanes[lane] = flow
    halted.insert(lane)
    halts.halted(lane, reason: reason, hint: hint, isOfReading: isOfReading)
    withReads(of: lane) { $0.remove(lane) }
    queue(lane)
    end(lane)
  }

  /// The reason for trying halted lanes again.
  package enum Revival: Sendable, Equatable {
    /// Try the lanes whose backoff is over.
    case backoffEnded
    /// Try all lanes, because an operator wants that.
    case all
    /// Try these lanes, because an operator wants that.
    case retried(Set<String>)
    /// Try those of these lanes that dead letters halted, because some of their dead letters were resolved.
    case resolved(Set<String>)
  }

  /// Lets halted lanes go on, and returns their names. A lane with a transaction under way goes on once that is decided, with the next
  /// lanes whose backoff is over.
  package mutating func revive(_ revival: Revival = .backoffEnded, now: ContinuousClock.Instant) -> [String] {
    let wanted = halted.sorted().filter { name in
      guard let halt = lanes[name]?.halt else { return false }
      return switch revival {
      case .backoffEnded: halt.until.map { $0 <= now } ?? false
      case .all: true
      case .retried(let names): names.contains(name)
      case .resolved(let names): halt.isOfDeadLetters && names.contains(name)
      }
    }
    for name in wanted {
      guard lanes[name]?.inFlight == nil else {
        lanes[name]?.life.endBackoff(at: now)
        continue
      }
      lanes[name]?.life.resume()
      halted.remove(name)
      if revival != .backoffEnded { halts.resumed(name) }
      if lanes[name]?.isRead == true { withReads(of: name) { $0.add(name) } }
      queue(name)
    }
    return wanted.filter { lanes[$0]?.halt == nil }
  }

  /// Pauses these lanes, and resumes all others. Returns the owned lanes for which that is a change.
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

  /// Returns the reports of lanes that halted or went on since the last call.
  package mutating func takeHaltEvents() -> [HaltReport.Event] { halts.takeEvents() }
}
