internal import TidemarkCore

extension LaneCoordinator {
  /// The prefixes to listen for on a server, as soon as it holds so many lanes that it pays, and other than `current`; nil when nobody needs
  /// to listen. Returns nil, too, once reading is over.
  func doorbell(at server: LaneServer, otherThan current: [String]?) async -> [String]? {
    while !Task.isCancelled, !isDraining, scheduler.knows(server) {
      let seen = population.generation
      let wanted = scheduler.needsDoorbell(at: server) ? DoorbellPrefixes.covering(settings.lanes.namesAndPatterns) : nil
      if wanted != current { return wanted }
      await population.wait(after: seen)
    }
    return nil
  }

  /// Streams of these names have changed on a server.
  func noteChanges(_ changed: ChangedLanes, on server: LaneServer) {
    switch changed {
    case .of(let names):
      guard scheduler.noteChanges(names) else { return }
      for name in names { observation.noteChange(name) }
    case .any where !scheduler.knows(server): return
    case .any: scheduler.doorbell(isHeard: true, at: server)
    }
    readable.raise()
  }

  func doorbellLost(at server: LaneServer) {
    guard scheduler.knows(server) else { return }
    scheduler.doorbell(isHeard: false, at: server)
    readable.raise()
  }
}
