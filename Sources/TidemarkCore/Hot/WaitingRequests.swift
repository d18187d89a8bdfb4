/// The requests that wait for what their lanes still hold, so that those which need not wait are served meanwhile.
///
/// Requests stay in their streams until they are done. What waits here is only remembered, so that it is not looked at again and again, and so
/// that later requests are seen however many wait.
package struct WaitingRequests: Sendable {
  private struct Lane {
    var entries: [(id: EntryID, request: SessionRequest)] = []
    /// The last request that was looked at.
    var last = EntryID.zero
  }

  private var lanes: [String: Lane] = [:]

  package init() {}

  /// The lanes with requests that wait.
  package var names: [String] { lanes.filter { !$0.value.entries.isEmpty }.keys.sorted() }

  /// Returns the entry after which a lane's requests are new.
  package func last(of lane: String) -> EntryID { lanes[lane]?.last ?? .zero }

  /// Records that the requests of a lane were looked at up to an entry, and that these of them wait.
  package mutating func add(_ requests: LaneRequests, through last: EntryID) {
    // Without any, nothing is to be remembered: they are looked at in their stream.
    guard !requests.entries.isEmpty || lanes[requests.lane] != nil else { return }
    lanes[requests.lane, default: Lane()].entries += requests.entries
    lanes[requests.lane, default: Lane()].last = last
  }

  /// Removes and returns what waits of a lane.
  package mutating func take(_ lane: String) -> LaneRequests {
    defer { lanes[lane]?.entries = [] }
    return LaneRequests(lane: lane, entries: lanes[lane]?.entries ?? [])
  }

  /// Records that what was taken of a lane is done, or else is to be looked at again, with all that came later.
  package mutating func ended(_ lane: String, isDone: Bool) {
    if !isDone || lanes[lane]?.entries.isEmpty == true { lanes[lane] = nil }
  }

  /// Forgets the requests of all lanes but these, because they are other workers' by now.
  package mutating func keep(_ owned: some Sequence<String>) {
    let owned = Set(owned)
    lanes = lanes.filter { owned.contains($0.key) }
  }
}
