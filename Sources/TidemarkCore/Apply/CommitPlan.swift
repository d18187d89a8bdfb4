internal import DequeModule

/// The transactions into which one piece of work is divided: one at first, more when it is bisected to find a failing entry.
///
/// It is a value. The invariant that lives here: each lane's entries leave in order and none is left out, however the work is divided.
package struct CommitPlan: Sendable {
  package typealias Part = LaneScheduler.Work.Part

  /// One transaction.
  package struct Step: Sendable {
    package internal(set) var parts: [Part]
    /// The entries of the step's only lane that were made dead letters.
    package internal(set) var deadLettered: [EntryID: Rejection] = [:]
    /// Whether the step's entries have failed before, in a larger transaction.
    package internal(set) var isPiece = false

    package var lanes: Set<Int32> { Set(parts.map(\.record.laneID)) }
  }

  /// The number of pieces into which a transaction is bisected. A small commit costs a millisecond, a failure costs a statement_timeout or
  /// a restart of the server: two divisions by 64 find one entry of 5,000, where halves would take thirteen.
  static let width = 64

  private var steps: Deque<Step>

  package init(_ parts: [Part]) {
    steps = parts.isEmpty ? [] : [Step(parts: parts)]
  }

  /// The next transaction; nil when all of them are decided.
  package var current: Step? { steps.first }

  package var lanes: Set<Int32> { steps.reduce(into: []) { $0.formUnion($1.lanes) } }

  /// Records that the current transaction was committed, and where its lanes are now.
  package mutating func committed(_ records: [LaneRecord]) {
    steps.removeFirst()
    let byID = Dictionary(records.map { ($0.laneID, $0) }, uniquingKeysWith: { first, _ in first })
    // The pieces of a lane follow each other.
    for step in steps.indices {
      guard steps[step].parts.contains(where: { byID[$0.record.laneID] != nil }) else { return }
      for part in steps[step].parts.indices {
        if let record = byID[steps[step].parts[part].record.laneID] { steps[step].parts[part].record = record }
      }
    }
  }

  /// Records that the audit trails of these lanes have grown, so that the later numbers begin there.
  package mutating func renumber(_ records: [LaneRecord]) {
    let cursors = Dictionary(records.map { ($0.laneID, $0.cursor) }, uniquingKeysWith: { first, _ in first })
    for step in steps.indices {
      for part in steps[step].parts.indices {
        if let cursor = cursors[steps[step].parts[part].record.laneID] { steps[step].parts[part].record.cursor = cursor }
      }
    }
  }

  /// Divides the current transaction into one for each lane.
  package mutating func split() {
    let step = steps.removeFirst()
    steps.prepend(contentsOf: step.parts.map { Step(parts: [$0], isPiece: step.isPiece) })
  }

  /// Divides the current transaction into small pieces, lane by lane and in order.
  package mutating func bisect() {
    let step = steps.removeFirst()
    let size = max(1, step.parts.reduce(0) { $0 + $1.entryCount } / Self.width)
    var pieces: [Step] = []
    for part in step.parts {
      var rest: Part? = part
      while var left = rest {
        rest = left.split(after: size)
        pieces.append(Step(parts: [left], isPiece: true))
      }
    }
    steps.prepend(contentsOf: pieces)
  }

  /// Records that the only entry of the current transaction that was still to be applied is a dead letter.
  package mutating func deadLetter(_ entry: EntryID, _ rejection: Rejection) {
    steps[0].deadLettered[entry] = rejection
  }

  /// The parts that follow the current transaction in its lane, in order.
  package var following: [Part] {
    guard let lanes = current?.lanes else { return [] }
    return steps.dropFirst().prefix { $0.lanes == lanes }.flatMap(\.parts)
  }

  /// Leaves lanes out of this and all later transactions. Returns, for each of the lanes, the part that is not committed.
  package mutating func leaveOut(_ lanes: Set<Int32>) -> [Part] {
    var left: [Part] = []
    for index in steps.indices {
      for part in steps[index].parts where lanes.contains(part.record.laneID) {
        if let known = left.firstIndex(where: { $0.record.laneID == part.record.laneID }) {
          left[known].append(part)
        } else {
          left.append(part)
        }
      }
      steps[index].parts.removeAll { lanes.contains($0.record.laneID) }
    }
    steps.removeAll { $0.parts.isEmpty }
    return left
  }
}

extension LaneScheduler.Work.Part {
  package var entryCount: Int { chunks.reduce(0) { $0 + $1.entries.count } }

  /// Keeps `count` entries from the front and returns the others, which follow them. Returns nil where there are no others.
  fileprivate mutating func split(after count: Int) -> Self? {
    guard count < entryCount else { return nil }
    var rest = self
    rest.chunks = []
    // A gap is committed together with the last entries before it.
    gaps = []
    var kept: [LaneChunk] = []
    var left = count
    for var chunk in chunks {
      if left > 0 {
        kept.append(chunk.split(count: left, bytes: .max))
        left -= kept[kept.count - 1].entries.count
      }
      if !chunk.entries.isEmpty { rest.chunks.append(chunk) }
    }
    chunks = kept
    next = rest.chunks.first?.firstID
    return rest
  }

  fileprivate mutating func append(_ following: Self) {
    chunks += following.chunks
    gaps += following.gaps
    next = following.next
  }
}
