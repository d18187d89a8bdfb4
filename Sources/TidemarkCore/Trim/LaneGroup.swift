/// A consumer group of a lane's stream, with the facts that trimming needs.
package struct LaneGroup: Sendable, Equatable {
  package var name: String
  package var lastDelivered: EntryID
  /// The oldest entry that was delivered and not acknowledged.
  package var firstPending: EntryID?

  package init(name: String, lastDelivered: EntryID, firstPending: EntryID?) {
    self.name = name
    self.lastDelivered = lastDelivered
    self.firstPending = firstPending
  }

  /// The first entry that the group still wants, or may want once it is written.
  var wants: EntryID { min(firstPending ?? lastDelivered.successor, lastDelivered.successor) }
}
