/// Decides how often to inspect lanes whose entries are so large that an inspection takes Redis noticeable time.
///
/// Redis returns the ids at a stream's ends only together with the whole entries, so an entry of millions of fields or of tens of megabytes
/// makes every inspection of its lane expensive for as long as it is at an end. Such a lane is inspected as a whole only when a cheap fact
/// has changed, and not before its last inspection took less than a hundredth of the time since. The cheap facts are the number of entries
/// and Redis' counts for each consumer group. Other lanes are inspected as a whole each time.
///
/// It is a value without I/O and clock.
package struct ObservationBudget: Sendable {
  /// The way in which a lane is inspected.
  package enum Effort: Sendable, Equatable {
    /// Inspect the lane as a whole.
    case whole
    /// Inspect the lane as a whole unless its cheap facts are still these; then the kept observation is valid.
    case unlessSame(String)
    /// Read only the lane's cheap facts, to compare them with these, which are empty where none are known.
    case facts(String)
  }

  /// The cost of an inspection to Redis.
  package struct Cost: Sendable, Equatable {
    /// The number of names and values, and their bytes, of the entries that the inspection copied within the server.
    package var strings: Int
    package var bytes: Int

    package init(strings: Int, bytes: Int) {
      self.strings = strings
      self.bytes = bytes
    }

    /// The cost above which an inspection is expensive: about a millisecond.
    package static let cheap = Cost(strings: 5_000, bytes: 256 << 10)

    var isCheap: Bool { strings <= Self.cheap.strings && bytes <= Self.cheap.bytes }
    /// The estimated time, measured in a script of Redis 7.0: an entry of a million fields takes 0.27 s, one of 20 MB takes 75 ms.
    var time: Duration { .nanoseconds(140 * strings + 4 * bytes) }
  }

  /// The divisor of Redis' time: the inspections of one lane take at most one hundredth of it, for each connection and question.
  static let parts = 100
  /// The time after which the kept observation of a lane that was not asked for is removed.
  private static let forgottenAfter = Duration.seconds(3_600)

  private struct Key: Hashable {
    var lane: String
    var connection: Int
    var question: ExpectedStream.Question

    init(_ lane: ExpectedStream, _ connection: Int) {
      self.lane = lane.lane
      self.connection = connection
      question = lane.question
    }
  }

  private struct Kept {
    var cursor: EntryID
    var readPosition: EntryID
    var facts: String
    var observed: ObservedStream
    var due: ContinuousClock.Instant
    var askedAt: ContinuousClock.Instant
  }

  private var kept: [Key: Kept] = [:]

  package init() {}

  /// Returns how to inspect a lane.
  ///
  /// - Parameter connection: identifies the connection. Another connection may lead to another server.
  package mutating func effort(for lane: ExpectedStream, over connection: Int, now: ContinuousClock.Instant) -> Effort {
    let key = Key(lane, connection)
    guard let known = kept[key] else { return .whole }
    kept[key]?.askedAt = now
    let facts = known.cursor == lane.cursor && known.readPosition == lane.readPosition ? known.facts : ""
    guard lane.mayBeDeferred, now < known.due else { return facts.isEmpty ? .whole : .unlessSame(facts) }
    return .facts(facts)
  }

  /// Records an inspection of a lane as a whole.
  ///
  /// - Parameter facts: the cheap facts at that moment; empty where they don't tell whether something has changed.
  package mutating func inspected(
    _ lane: ExpectedStream, over connection: Int, _ observed: ObservedStream, facts: String, cost: Cost, now: ContinuousClock.Instant
  ) {
    let key = Key(lane, connection)
    guard !cost.isCheap else { return kept[key] = nil }
    kept = kept.filter { $0.value.askedAt.advanced(by: Self.forgottenAfter) > now }
    kept[key] = Kept(
      cursor: lane.cursor, readPosition: lane.readPosition, facts: facts, observed: observed, due: now.advanced(by: cost.time * Self.parts),
      askedAt: now)
  }

  /// Returns the kept observation of a lane whose cheap facts have not changed.
  package func unchanged(_ lane: ExpectedStream, over connection: Int) -> StreamObservation {
    kept[Key(lane, connection)].map { .seen($0.observed) } ?? .deferred
  }

  /// Returns the observation of a lane whose cheap facts have changed before its next inspection as a whole is due. The counters alone are
  /// enough for the lag.
  ///
  /// - Parameter added: the number of entries that Redis has added by now; nil where the cheap facts don't tell.
  package func changed(_ lane: ExpectedStream, over connection: Int, length: UInt64, added: UInt64?) -> StreamObservation {
    guard lane.question != .comparison, let added, var observed = kept[Key(lane, connection)]?.observed, let stream = observed.stream else {
      return .deferred
    }
    let isLonger = added > stream.entriesAdded
    observed.stream = StreamInfo(
      length: length, lastGeneratedID: isLonger ? EntryID.max : stream.lastGeneratedID, entriesAdded: added,
      maxDeletedID: stream.maxDeletedID, firstID: stream.firstID)
    observed.next = observed.next.flatMap { $0 > lane.cursor ? $0 : nil }
    return .seen(observed)
  }
}
