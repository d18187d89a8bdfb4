/// Lanes whose streams turned out to be other ones: what was read of the old stream is committed, then the next incarnation begins.
///
/// The finding stands until then. What is committed meanwhile may make the two streams look alike, by entries of the new one that were read
/// before anybody looked.
package struct LaneEndings: Sendable {
  package struct Ending: Sendable, Equatable {
    package var incarnation: Int64
    package var fence: Int64
    package var broken: LaneBreak
    /// What Redis had added to the old stream when it was asked last.
    package var knownAdded: UInt64
    /// What Redis had added to the stream that was found instead, and how many of these entries were gone already. 0 where there was none.
    package var foundAdded: UInt64
    package var foundGone: UInt64
  }

  private var endings: [String: Ending] = [:]

  package init() {}

  package var isEmpty: Bool { endings.isEmpty }

  /// Forgets lanes that another worker may have by now and of which nothing waits to be published.
  package mutating func keep(where isNeeded: (String) -> Bool) {
    endings = endings.filter { isNeeded($0.key) }
  }

  /// What was found of a lane under this record.
  package mutating func note(_ finding: LaneFinding, _ look: LaneLook, _ record: LaneRecord) {
    guard case .broken(let broken) = finding else { return }
    endings[record.name] = Ending(
      incarnation: record.incarnation, fence: record.fence, broken: broken, knownAdded: look.lane.knownAdded,
      foundAdded: look.snapshot.stream?.entriesAdded ?? 0, foundGone: LaneStart.oldest.begin(look.snapshot.stream).baseline)
  }

  /// What was found in this incarnation and under this fence. Another worker may have had the lane since: then it has judged, and perhaps begun
  /// the next incarnation, whose stream has nothing to do with it.
  package func ending(of record: LaneRecord) -> Ending? {
    endings[record.name].flatMap { $0.incarnation == record.incarnation && $0.fence == record.fence ? $0 : nil }
  }

  /// The lane goes on under a later incarnation of the same stream, because agents were told of that one: what was found still holds.
  package mutating func raised(_ record: LaneRecord, to incarnation: Int64) {
    guard ending(of: record) != nil else { return }
    endings[record.name]?.incarnation = incarnation
  }

  /// The lane is not served until its stream appears again.
  package mutating func forget(_ lane: String) { endings[lane] = nil }

  /// The lane was taken up: what was found in another incarnation, or by an earlier owner, is over.
  package mutating func takenUp(_ record: LaneRecord) {
    if ending(of: record) == nil { endings[record.name] = nil }
  }
}

extension LaneCheck {
  /// A lane that is about to be taken up: nothing of it is read but what is committed.
  package init(_ record: LaneRecord, after ending: LaneEndings.Ending?) {
    self.init(record, knownAdded: ending?.knownAdded ?? 0)
  }
}

extension LaneLook {
  /// Why the stream is not the one that was read, by this look or, where something was found before, by an earlier one.
  package func broken(after ending: LaneEndings.Ending? = nil) -> LaneBreak? {
    if case .broken(let broken) = finding { broken } else { ending?.broken }
  }
}
