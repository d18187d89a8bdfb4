/// Decides how often lanes are looked at whose entries are so large that a look takes Redis noticeable time.
///
/// Redis tells the ids at a stream's ends only together with the whole entries, so an entry of millions of fields or of tens of megabytes makes
/// every look at its lane dear for as long as it stands there. Such a lane is looked at whole when something cheap has changed, and not before
/// its last look was a hundredth of the time since: what is cheap are the number of entries and what Redis counts for each consumer group.
/// Other lanes are looked at whole each time.
///
/// A value without I/O and clock.
package struct ObservationBudget: Sendable {
  /// How a lane is asked for.
  package enum Effort: Sendable, Equatable {
    /// In any case.
    case whole
    /// Unless its cheap facts are still these: then what is kept holds.
    case unlessSame(String)
    /// Never: its cheap facts alone, to hold them against these, which are empty where nothing is known.
    case facts(String)
  }

  /// What a look cost Redis.
  package struct Cost: Sendable, Equatable {
    /// Names and values, and their bytes, of the entries that the look carried within the server.
    package var strings: Int
    package var bytes: Int

    package init(strings: Int, bytes: Int) {
      self.strings = strings
      self.bytes = bytes
    }

    /// Above it a look is dear: about a millisecond.
    package static let cheap = Cost(strings: 5_000, bytes: 256 << 10)

    var isCheap: Bool { strings <= Self.cheap.strings && bytes <= Self.cheap.bytes }
    /// Measured in a script of Redis 7.0: an entry of a million fields takes 0.27 s, one of 20 MB 75 ms.
    var time: Duration { .nanoseconds(140 * strings + 4 * bytes) }
  }

  /// Of Redis' time the looks at one lane take one part in so many at most, for each connection and question.
  static let parts = 100
  /// What is kept of a lane that nobody asked for since is forgotten after an hour.
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

  /// - Parameter connection: behind another one may be another server.
  package mutating func effort(for lane: ExpectedStream, over connection: Int, now: ContinuousClock.Instant) -> Effort {
    let key = Key(lane, connection)
    guard let known = kept[key] else { return .whole }
    kept[key]?.askedAt = now
    let facts = known.cursor == lane.cursor && known.readPosition == lane.readPosition ? known.facts : ""
    guard lane.mayBeDeferred, now < known.due else { return facts.isEmpty ? .whole : .unlessSame(facts) }
    return .facts(facts)
  }

  /// - Parameter facts: the cheap facts of that moment; empty where they don't tell whether something has changed.
  package mutating func looked(
    at lane: ExpectedStream, over connection: Int, _ observed: ObservedStream, facts: String, cost: Cost, now: ContinuousClock.Instant
  ) {
    let key = Key(lane, connection)
    guard !cost.isCheap else { return kept[key] = nil }
    kept = kept.filter { $0.value.askedAt.advanced(by: Self.forgottenAfter) > now }
    kept[key] = Kept(
      cursor: lane.cursor, readPosition: lane.readPosition, facts: facts, observed: observed, due: now.advanced(by: cost.time * Self.parts),
      askedAt: now)
  }

  /// The cheap facts are still the same: what was seen then.
  package func unchanged(_ lane: ExpectedStream, over connection: Int) -> StreamObservation {
    kept[Key(lane, connection)].map { .seen($0.observed) } ?? .deferred
  }

  /// Something has changed, and the time has not come to look what. The lag can be told from the counters all the same.
  ///
  /// - Parameter added: what Redis has added by now; nil where the cheap facts don't tell.
  package func changed(_ lane: ExpectedStream, over connection: Int, length: UInt64, added: UInt64?) -> StreamObservation {
    guard lane.question != .comparison, let added, var observed = kept[Key(lane, connection)]?.observed, let stream = observed.stream else {
      return .deferred
    }
    let isLonger = added > stream.entriesAdded
    observed.stream = StreamInfo(
      length: length, lastGeneratedID: isLonger ? EntryID(ms: .max, no: .max) : stream.lastGeneratedID, entriesAdded: added,
      maxDeletedID: stream.maxDeletedID, firstID: stream.firstID)
    observed.next = observed.next.flatMap { $0 > lane.cursor ? $0 : nil }
    return .seen(observed)
  }
}
