/// The items of `lanes` that took effect before, as far as a worker knows.
///
/// The start that an item states applies to the streams that exist when the item first takes effect anywhere in the installation. The
/// ledger keeps that moment, so that it is equal for every worker and after a restart. A stream that appears later is read from its first
/// entry.
package struct ItemsInEffect: Sendable {
  private var unmeasured: [String: Set<String>] = [:]

  package init() {}

  package func contains(_ streams: String) -> Bool { unmeasured[streams] != nil }

  /// Adds items that took effect, as the ledger has them.
  package mutating func add(_ items: [ItemInEffect]) {
    for item in items { unmeasured[item.streams] = item.unmeasured }
  }

  /// Forgets all items, because the ledger may be an older one that has others.
  package mutating func forget() { unmeasured = [:] }

  /// Returns where a lane without a cursor begins. Returns nil while its item has not taken effect, because the streams that it found are
  /// not known yet.
  package func start(of lane: String, as profile: LaneProfile) -> LaneStart? {
    guard let item = profile.item else { return profile.start }
    guard let unmeasured = unmeasured[item] else { return nil }
    return unmeasured.contains(lane) ? profile.start : .oldest
  }
}

/// An item of `lanes` as the ledger has it.
package struct ItemInEffect: Sendable, Equatable {
  /// The item's name or pattern.
  package var streams: String
  /// The streams that the item found and that could not be inspected then. They begin as the item says once they can be inspected.
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
