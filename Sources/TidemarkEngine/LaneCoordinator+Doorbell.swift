internal import TidemarkCore

extension LaneCoordinator {
  /// The prefixes to listen for on a server, as soon as it holds so many lanes that it pays, and other than `current`; nil when nobody needs
  /// to listen. Returns nil, too, once reading is over.
  func doorbell(at server: LaneServer, otherThan current: [String]?) async -> [String]? {
    while !Task.isCancelled, !isDraining, table.knows(server) {
      let seen = population.generation
      let wanted = table.needsDoorbell(at: server) ? DoorbellPrefixes.covering(settings.laneNames) : nil
      if wanted != current { return wanted }
      await population.wait(after: seen)
    }
    return nil
  }

  /// Streams of these names have changed on a server.
  func rang(_ rings: LaneRings, on server: LaneServer) {
    switch rings {
    case .of(let names):
      guard table.rang(names) else { return }
      for name in names { observation.stirred(name) }
    case .any where !table.knows(server): return
    case .any: table.doorbell(isHeard: true, at: server)
    }
    readable.raise()
  }

  func doorbellLost(at server: LaneServer) {
    guard table.knows(server) else { return }
    table.doorbell(isHeard: false, at: server)
    readable.raise()
  }
}
