internal import TidemarkCore

extension LaneCoordinator {
  /// The prefixes to listen for, as soon as there are so many lanes that it pays, and other than `current`; nil when nobody needs to
  /// listen. Returns nil, too, once reading is over.
  func doorbell(otherThan current: [String]?) async -> [String]? {
    while !Task.isCancelled, !isDraining {
      let seen = population.generation
      let wanted = table.needsDoorbell ? DoorbellPrefixes.covering(settings.laneNames) : nil
      if wanted != current { return wanted }
      await population.wait(after: seen)
    }
    return nil
  }

  /// Streams of these names have changed.
  func rang(_ rings: LaneRings) {
    switch rings {
    case .of(let names):
      guard table.rang(names) else { return }
      for name in names { observation.stirred(name) }
    case .any: table.doorbell(isHeard: true)
    }
    readable.raise()
  }

  func doorbellLost() {
    table.doorbell(isHeard: false)
    readable.raise()
  }
}
