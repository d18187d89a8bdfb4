/// The items of `lanes` that took effect before, as far as a worker knows.
///
/// Where an item says that reading begins is meant for the streams that exist when it first takes effect anywhere in the installation. The ledger keeps
/// that moment, so that it is the same one for every worker and after a restart. A stream that appears later is read from its first entry.
package struct ItemsInEffect: Sendable {
  private var unmeasured: [String: Set<String>] = [:]

  package init() {}

  package func contains(_ streams: String) -> Bool { unmeasured[streams] != nil }

  /// The ledger says that these took effect.
  package mutating func add(_ items: [ItemInEffect]) {
    for item in items { unmeasured[item.streams] = item.unmeasured }
  }

  /// The ledger may be an older one, which says something else.
  package mutating func forget() { unmeasured = [:] }

  /// Where a lane begins that has no cursor. Nil while its item did not take effect: nobody knows yet which streams it found.
  ///
  /// - Parameters:
  ///   - streams: the item's name or pattern.
  ///   - start: what the item says.
  package func start(of lane: String, under streams: String, _ start: LaneStart) -> LaneStart? {
    guard let unmeasured = unmeasured[streams] else { return nil }
    return unmeasured.contains(lane) ? start : .oldest
  }
}

/// An item of `lanes` as the ledger remembers it.
package struct ItemInEffect: Sendable, Equatable {
  /// Its name or pattern.
  package var streams: String
  /// Streams that it found and that nobody could look at then: they begin as the item says once somebody can.
  package var unmeasured: Set<String>

  package init(streams: String, unmeasured: Set<String> = []) {
    self.streams = streams
    self.unmeasured = unmeasured
  }
}

/// An item of `lanes` that takes effect, with the lanes of the streams that it finds.
package struct NewItem: Sendable, Equatable {
  package var streams: String
  package var start: LaneStart
  package var lanes: [NewLane]
  package var unmeasured: [String]

  package init(streams: String, start: LaneStart, lanes: [NewLane] = [], unmeasured: [String] = []) {
    self.streams = streams
    self.start = start
    self.lanes = lanes
    self.unmeasured = unmeasured
  }
}
