package import TidemarkCore

/// Replays dead letters while workers run: lane by lane in the order of their positions, in short transactions between which the lane's
/// owner commits. Each letter is resolved in the transaction of its entry, so an interrupted replay may simply be started again.
package struct DeadLetterReplay: Sendable {
  package enum Outcome: Sendable, Equatable {
    case replayed(LateEntryOutcome)
    /// The replay was not attempted, or it fails every time. The text gives the reason and the remedy.
    case impossible(String)
  }

  /// The number of letters that are read together.
  static let portion = 1_000

  let store: DeadLetterStore
  let replayer: PostgresReplayer

  /// Replays these letters and reports their outcomes after each transaction. Throws ``UnknownDeadLetter``, before anything is
  /// applied, if a number has no letter; and ``SinkError``.
  package func run(_ ids: [Int64], report: ([(letter: Int64, outcome: Outcome)]) async throws -> Void) async throws {
    var pace = ReplayPace()
    for start in stride(from: 0, to: ids.count, by: Self.portion) {
      let wanted = Array(ids[start..<min(start + Self.portion, ids.count)])
      let letters = try await store.letters(wanted)
      let known = Set(letters.map(\.id))
      if let missing = wanted.first(where: { !known.contains($0) }) {
        throw UnknownDeadLetter(number: missing)
      }
      let closed = letters.sorted { $0.id < $1.id }.compactMap { letter in Self.foregone(letter).map { (letter.id, $0) } }
      if !closed.isEmpty { try await report(closed) }
      let open = letters.filter { Self.foregone($0) == nil }
      for (_, letters) in Dictionary(grouping: open, by: \.lane).sorted(by: { $0.key < $1.key }) {
        try await replay(letters.sorted { ($0.entry, $0.id) < ($1.entry, $1.id) }, &pace, report)
      }
    }
  }

  package func close() async { await replayer.close() }

  private static func foregone(_ letter: DeadLetter) -> Outcome? {
    if letter.resolvedAt != nil { return .replayed(.resolvedBefore(letter.resolution ?? "")) }
    guard !letter.isComplete else { return nil }
    return .impossible(
      "only its beginning was kept; raise limits.max_entry_bytes or limits.max_fields, write the change again and discard this one")
  }

  /// Replays the letters of one lane.
  private func replay(
    _ letters: [DeadLetter], _ pace: inout ReplayPace, _ report: ([(letter: Int64, outcome: Outcome)]) async throws -> Void
  ) async throws {
    var rest = letters[...]
    while !rest.isEmpty {
      try Task.checkCancellation()
      let piece = try await nextPiece(rest, pace.size)
      do {
        let start = ContinuousClock.now
        let replays = try await PostgresReplayer.patiently { try await apply(piece) }
        let wait = pace.took(start.duration(to: .now), for: piece.count)
        try await report(piece.map { ($0.id, outcome(of: $0, replays)) })
        // The pause lets the lane's own commits go first.
        try await Task.sleep(for: wait)
      } catch let error as SinkError where error.kind != .fault(.world) && error.kind != .fault(.configuration) {
        // A letter has caused the failure; with several letters in the piece it is unknown which one.
        guard piece.count == 1 else {
          pace.failed()
          continue
        }
        try await report([(piece[0].id, .impossible(error.description))])
      }
      rest = rest.dropFirst(piece.count)
    }
  }

  /// Returns the next letters with their bytes.
  private func nextPiece(_ rest: ArraySlice<DeadLetter>, _ size: Int) async throws -> [DeadLetter] {
    var piece: [DeadLetter] = []
    var bytes = 0
    for letter in rest.prefix(size) where bytes < ReplayPace.mostBytes {
      // Only `forget` removes letters; a letter that is gone has nothing to apply.
      let whole = try await store.letter(letter.id) ?? letter
      bytes += whole.raw.reduce(0) { $0 + $1.count }
      piece.append(whole)
    }
    return piece
  }

  private func apply(_ piece: [DeadLetter]) async throws -> [Int64: LateEntryOutcome]? {
    let byID = Dictionary(piece.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    return try await replayer.replay(lane: piece[0].lane, piece.map(\.id)) { record, open in
      store.batch(open.compactMap { byID[$0] }, for: record)
    }
  }

  private func outcome(of letter: DeadLetter, _ replays: [Int64: LateEntryOutcome]?) -> Outcome {
    guard let replays else {
      return .impossible("the lane \(letter.lane) is not known; discard dead letter \(letter.id)")
    }
    return replays[letter.id].map { .replayed($0) } ?? .impossible("it no longer exists")
  }
}
