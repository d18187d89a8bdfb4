/// A walk over everything that a check of the state looks at. The raw values stand in the ledger.
package enum StateWalk: String, Sendable, CaseIterable {
  /// The sessions that are in Redis.
  case hot
  /// The sessions that changed since they were last compared.
  case changed
  /// The rows of all sessions, in the order of their ids.
  case sessions
  /// The changes of all lanes, lane by lane.
  case changes
}

/// How far a walk over the tables has come.
package struct WalkProgress: Sendable, Equatable {
  /// Where it goes on; nil: it came to its end.
  package var place: String?
  /// The time since it last came to its end, and began; nil where it never did.
  package var age: Duration?

  package init(place: String?, age: Duration?) {
    self.place = place
    self.age = age
  }
}

/// A place in the walk over the changes of all lanes.
package struct TrailPlace: Sendable, Equatable, CustomStringConvertible {
  package var lane: Int32
  /// The last change of the lane that was looked at.
  package var entry: EntryID

  package init(lane: Int32, entry: EntryID) {
    self.lane = lane
    self.entry = entry
  }

  package init?(_ text: String) {
    let words = text.split(separator: " ")
    guard words.count == 2, let lane = Int32(words[0]), let entry = EntryID(words[1]) else { return nil }
    self.init(lane: lane, entry: entry)
  }

  package var description: String { "\(lane) \(entry)" }
}
