/// The numbers of the changes of a range, session by session: the holes within the range, and where each session begins and ends in it.
///
/// A number counts if the change is in Redis or in Postgres, whatever became of it: a hole is a change of which neither knows.
package struct NumberedChanges: Sendable, Equatable {
  /// A change with its number in its session.
  package struct Change: Sendable, Equatable {
    package var session: String
    package var epoch: Int64
    package var seq: Int64
    package var entry: EntryID

    package init(session: String, epoch: Int64, seq: Int64, entry: EntryID) {
      self.session = session
      self.epoch = epoch
      self.seq = seq
      self.entry = entry
    }
  }

  /// The first and the last change of a session within a range.
  package struct Span: Sendable, Equatable {
    package var first: Change
    package var last: Change
  }

  /// Numbers that are missing between two changes of a session. The epoch is that of the change behind them.
  package struct Hole: Sendable, Equatable {
    package var session: String
    package var epoch: Int64
    package var numbers: ClosedRange<Int64>
    package var after: EntryID
    package var before: EntryID
  }

  private var spansBySession: [SessionKey: Span] = [:]
  package private(set) var holes: [Hole] = []

  package var spans: [Span] { spansBySession.values.sorted { $0.first.entry < $1.first.entry } }

  package init() {}

  /// - Parameters:
  ///   - entries: the entries of a range, in order.
  ///   - unread: the changes of the range without an entry, in order.
  package init(_ entries: [ExpectedEntry], unread: [StoredChange]) {
    let known =
      entries.compactMap { Change($0.session, $0.epoch, $0.seq, $0.id) } + unread.compactMap { Change($0.session, $0.epoch, $0.seq, $0.id) }
    for change in unread.isEmpty ? known : known.sorted(by: { $0.entry < $1.entry }) { append(change) }
  }

  /// Adds the next change.
  package mutating func append(_ change: Change) {
    let session = SessionKey(change.session)
    guard let last = spansBySession[session]?.last else {
      spansBySession[session] = Span(first: change, last: change)
      return
    }
    // What is applied late, or repeats a number that Redis forgot, says nothing new.
    guard (change.epoch, change.seq) > (last.epoch, last.seq) else { return }
    let expected = change.epoch == last.epoch ? last.seq + 1 : 1
    if change.seq > expected {
      holes.append(
        Hole(
          session: change.session, epoch: change.epoch, numbers: expected...(change.seq - 1), after: last.entry, before: change.entry))
    }
    spansBySession[session]?.last = change
  }
}

extension NumberedChanges.Change {
  /// Creates the change if it has a number.
  fileprivate init?(_ session: String?, _ epoch: Int64?, _ seq: Int64?, _ entry: EntryID) {
    guard let session, let epoch, let seq, seq > 0 else { return nil }
    self.init(session: session, epoch: epoch, seq: seq, entry: entry)
  }
}
