/// What an owned lane does: which of reading and committing goes on. A lane begins as `.serving`, and it may be released from any state.
package enum LaneLife: Sendable, Equatable {
  /// Entries are read and committed. Becomes `.halted` when an entry or the stream is refused, and `.closing` when reading must end for good.
  case serving
  /// Nothing is read, and nothing is committed unless only reading failed. Becomes `.serving` when its backoff is over or an operator wants
  /// that, `.halted` for another reason, and `.closing`.
  case halted(Halt)
  /// Nothing more is read. Entries that were read are committed, and then the lane is released. Becomes `.closingHalted` when their commit
  /// fails; a replaced stream overrides the configuration as the reason.
  case closing(Closing)
  /// The entries that were read of a closing lane are not committed at the moment. Becomes `.closing` when they are tried again.
  case closingHalted(Closing, Halt)

  /// The reason why no more entries are read of a lane.
  package enum Closing: Sendable, Equatable {
    /// The lane's stream was replaced or is gone. Entries that are not committed can't be read again.
    case replaced
    /// The configuration does not name the lane any longer.
    case unconfigured
  }

  package struct Halt: Sendable, Equatable {
    package var reason: String
    package var hint: String?
    /// The time at which the lane is tried again; nil waits for an operator.
    package var until: ContinuousClock.Instant?
    /// Whether only reading failed because Redis refuses the lane. Entries that were read are still committed, because they may not be
    /// readable again.
    package var isOfReading = false
    /// Whether the lane halted because too many of its entries in a row were dead letters. It then also goes on once one of these is
    /// resolved.
    package var isOfDeadLetters = false
  }

  package var halt: Halt? {
    switch self {
    case .serving, .closing: nil
    case .halted(let halt), .closingHalted(_, let halt): halt
    }
  }

  package var closing: Closing? {
    switch self {
    case .serving, .halted: nil
    case .closing(let closing), .closingHalted(let closing, _): closing
    }
  }

  /// Returns false where that changes nothing: a closing lane is not read, so that a refused read does not matter.
  mutating func halt(_ halt: Halt) -> Bool {
    switch self {
    case .serving, .halted: self = .halted(halt)
    case .closing(let closing), .closingHalted(let closing, _):
      guard !halt.isOfReading else { return false }
      self = .closingHalted(closing, halt)
    }
    return true
  }

  /// Ends the backoff of a halt, while a transaction of the lane is still under way.
  mutating func endBackoff(at now: ContinuousClock.Instant) {
    switch self {
    case .serving, .closing: break
    case .halted(var halt):
      halt.until = now
      self = .halted(halt)
    case .closingHalted(let closing, var halt):
      halt.until = now
      self = .closingHalted(closing, halt)
    }
  }

  mutating func resume() {
    switch self {
    case .serving, .closing: break
    case .halted: self = .serving
    case .closingHalted(let closing, _): self = .closing(closing)
    }
  }

  /// Returns false where the lane is closing for a reason that can't be overridden.
  mutating func close(_ reason: Closing) -> Bool {
    switch self {
    case .closing(.replaced), .closingHalted(.replaced, _): return false
    case .serving, .halted, .closing(.unconfigured), .closingHalted(.unconfigured, _): self = .closing(reason)
    }
    return true
  }
}
