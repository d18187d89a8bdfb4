/// The marks that wait to be published, one for each lane, and which task sends which of them.
package struct PendingMarks: Sendable {
  /// The marks that one task sends.
  package enum Portion: Sendable, Hashable {
    /// The marks of a server's lanes that this server takes itself.
    case server(LaneServer)
    /// The marks that another server takes, and those of lanes at servers that hold no owned lane.
    case strays
    case all
  }

  /// The server of a lane, and the server that takes its mark.
  package struct Route: Sendable, Hashable {
    package var lane: LaneServer
    package var taker: LaneServer

    package init(lane: LaneServer, taker: LaneServer) {
      self.lane = lane
      self.taker = taker
    }

    package var isStray: Bool { lane != taker }

    /// - Parameter served: the servers that hold owned lanes.
    package func belongs(to portion: Portion, _ served: Set<LaneServer>) -> Bool {
      switch portion {
      case .server(let server): lane == server && !isStray
      case .strays: isStray || !served.contains(lane)
      case .all: true
      }
    }
  }

  /// Marks that were taken to be sent, and how many withdrawals there had been.
  package struct Taken: Sendable {
    package fileprivate(set) var marks: [PendingMark]
    fileprivate let withdrawals: Int
  }

  private var marks: [String: PendingMark] = [:]
  private var withdrawals = 0
  /// The last withdrawal of each lane, and of all lanes.
  private var lastWithdrawals: [String: Int] = [:]
  private var lastWithdrawalOfAll = 0

  package init() {}

  package var lanes: Set<String> { Set(marks.keys) }

  /// Adds marks. Two marks of one lane become one.
  package mutating func add(_ added: [PendingMark]) {
    for mark in added { marks[mark.record.name] = marks[mark.record.name].map { $0.followed(by: mark) } ?? mark }
  }

  /// Removes marks that are not true any more. Those that were taken are not given back.
  package mutating func withdraw(_ lanes: Set<String>) {
    withdrawals += 1
    for lane in lanes {
      marks[lane] = nil
      lastWithdrawals[lane] = withdrawals
    }
  }

  /// Removes the marks of all lanes, likewise.
  package mutating func withdrawAll() {
    withdrawals += 1
    marks = [:]
    lastWithdrawals = [:]
    lastWithdrawalOfAll = withdrawals
  }

  /// Returns the lanes whose marks may be sent now. At the end of a worker, held marks are tried once more.
  package func due(_ portion: Portion, now: ContinuousClock.Instant) -> [String] {
    marks.values.filter { portion == .all || $0.heldUntil.map { $0 <= now } ?? true }.map(\.record.name)
  }

  /// Returns when the next held mark is due, of those that are not due at `now`.
  package func nextDue(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    marks.values.compactMap(\.heldUntil).filter { $0 > now }.min()
  }

  /// Removes and returns the marks of these lanes.
  package mutating func take(_ lanes: [String]) -> Taken {
    Taken(marks: lanes.compactMap { marks.removeValue(forKey: $0) }, withdrawals: withdrawals)
  }

  /// Adds marks of those that were taken, because they could not be sent, unless they were withdrawn meanwhile.
  package mutating func giveBack(_ unsent: [PendingMark], of taken: Taken) {
    guard taken.withdrawals >= lastWithdrawalOfAll else { return }
    add(unsent.filter { taken.withdrawals >= lastWithdrawals[$0.record.name] ?? 0 })
  }
}
