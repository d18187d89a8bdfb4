internal import DequeModule

/// One owned lane between Redis and Postgres: where it was read to, what waits, and whether it may go on.
package struct OwnedLane: Sendable {
  /// Why no more is read of a lane. What was read is committed, then the lane is released.
  package enum Closing: Sendable, Equatable {
    /// Its stream is not the one that was read, or is gone: nobody can read again what is not committed.
    case replaced
    /// The configuration does not name it any longer.
    case unconfigured
  }

  package struct Halt: Sendable, Equatable {
    package var reason: String
    package var hint: String?
    /// When it is tried again; nil waits for an operator.
    package var until: ContinuousClock.Instant?
    /// Redis refuses the lane: what was read of it is committed all the same, for nobody may be able to read it again.
    package var isOfReading = false
    /// Too many of its entries in a row were dead letters: it goes on, too, once somebody has resolved one of these.
    package var isOfDeadLetters = false
  }

  package internal(set) var record: LaneRecord
  /// The last entry that was read; it runs ahead of the committed cursor by what waits and what is in flight.
  package internal(set) var readPosition: EntryID
  /// What Redis had added by then.
  package internal(set) var readOrdinal: UInt64
  /// Up to here all that Redis had added is accounted for.
  var countedPosition: EntryID
  var chunks: Deque<LaneChunk> = []
  /// What was found to be lost and is not committed yet.
  package internal(set) var gaps: [LaneGap] = []
  var gapCheck: PendingGapCheck?
  /// What Redis had added when it was asked last.
  package internal(set) var knownAdded: UInt64 = 0
  package internal(set) var closing: Closing?
  package internal(set) var waitingEntries = 0
  package internal(set) var waitingBytes = 0
  /// Since when the oldest waiting entry waits.
  var waitingSince: ContinuousClock.Instant?
  /// The entries of a transaction under way; nil when there is none.
  package internal(set) var inFlight: Int?
  /// The first entry that is read and not committed.
  package internal(set) var oldestUncommitted: EntryID?
  package internal(set) var halt: Halt?
  /// An operator wants no more of it to be read. What was read is committed.
  package internal(set) var isPaused = false
  /// Its entries that count among those that writers can take.
  var readyEntries = 0
  /// Postgres can't be reached, or refuses for a while.
  package internal(set) var isWaitingForPostgres = false
  var deadLettersInARow = 0
  /// The server closed the connection instead of sending the entry behind this one, alone.
  var closedAloneAfter: EntryID?
  /// Of all that was read of it.
  private var bytesRead = 0
  private var entriesRead = 0
  package internal(set) var lastCommit: ContinuousClock.Instant?
  /// Where the committed cursor was seen, for trimming.
  package internal(set) var passed = PassedPositions()

  /// Tells ownerships of one lane apart.
  let ownership: Int
  /// Which server holds it.
  package internal(set) var server: LaneServer
  /// Tells its stays with servers apart; the first is as old as its ownership.
  var placement: Int

  init(record: LaneRecord, ownership: Int, server: LaneServer) {
    self.record = record
    self.ownership = ownership
    self.server = server
    placement = ownership
    readPosition = record.cursor.position
    readOrdinal = record.ordinal
    countedPosition = record.cursor.position
  }

  /// As it is held against what Redis says of it.
  package var check: ExpectedStream {
    ExpectedStream(
      record, readPosition: readPosition, readOrdinal: readOrdinal, countedPosition: countedPosition, knownAdded: knownAdded,
      placement: placement)
  }

  package var isClosing: Bool { closing != nil }

  /// Whether its stream may be read now.
  var isRead: Bool { halt == nil && !isPaused && !isClosing }

  /// Whether something was read of it that is not committed.
  package var hasBacklog: Bool { waitingEntries > 0 || inFlight != nil }

  package var state: LaneState {
    if halt != nil { return .halted }
    if isPaused { return .paused }
    if isWaitingForPostgres { return .waitingPostgres }
    return waitingEntries > 0 || inFlight != nil ? .reading : .idle
  }

  /// What an entry of the lane takes on average; nil before one was read.
  package var meanEntryBytes: Double? { entriesRead > 0 ? Double(bytesRead) / Double(entriesRead) : nil }

  mutating func append(_ chunk: LaneChunk, now: ContinuousClock.Instant) {
    bytesRead += chunk.byteCount
    entriesRead += chunk.entries.count
    chunks.append(chunk)
    waitingEntries += chunk.entries.count
    waitingBytes += chunk.byteCount
    waitingSince = waitingSince ?? now
    readPosition = chunk.block.entries[chunk.entries.upperBound - 1].id
    pass(chunk)
    if inFlight == nil, oldestUncommitted == nil { oldestUncommitted = chunks.first?.firstID }
  }

  /// Counts what was read, and at a milestone what was not.
  private mutating func pass(_ chunk: LaneChunk) {
    defer { readOrdinal += UInt64(chunk.entries.count) }
    guard let gapCheck, readPosition >= gapCheck.entry else { return }
    self.gapCheck = nil
    let before = chunk.entries.prefix { chunk.block.entries[$0].id <= gapCheck.entry }
    let next = chunk.entries.first { chunk.block.entries[$0].id >= gapCheck.entry }.map { chunk.block.entries[$0].id } ?? readPosition
    if let gap = gapCheck.gap(read: readOrdinal + UInt64(before.count), next: next, place: readPosition) { lost(gap) }
    countedPosition = gapCheck.entry
  }

  mutating func lost(_ gap: LaneGap) {
    gaps.append(gap)
    readOrdinal += UInt64(gap.missing)
    gapCheck = nil
  }

  /// Whether nothing of it waits to be committed or is under way.
  var hasNothingToCommit: Bool { inFlight == nil && chunks.isEmpty && gaps.isEmpty }

  /// Whether a gap can be committed without waiting for entries.
  var hasGapToCommit: Bool { chunks.isEmpty && !gaps.isEmpty }

  /// The gaps that a part with these entries carries.
  private mutating func takeGaps(_ taken: [LaneChunk]) -> [LaneGap] {
    guard !gaps.isEmpty else { return [] }
    let last = taken.last.map { $0.block.entries[$0.entries.upperBound - 1].id }
    let leaving = gaps.filter { gap in chunks.isEmpty || last.map { gap.place <= $0 } ?? false }
    gaps.removeAll { leaving.contains($0) }
    return leaving
  }

  /// This lane's part of a transaction that has room for `entries` and `bytes`. Nil where the next chunk does not fit behind others.
  mutating func takePart(entries: Int, bytes: Int, isFirst: Bool) -> LaneScheduler.Work.Part? {
    guard !chunks.isEmpty || hasGapToCommit, isFirst || chunks.first?.fits(entries: entries, bytes: bytes) ?? true else { return nil }
    let taken = take(entries: entries, bytes: bytes)
    return LaneScheduler.Work.Part(record: record, chunks: taken, gaps: takeGaps(taken), ownership: ownership)
  }

  /// Takes up to `entries` and `bytes` from the front, at least one entry. Only the first chunk is cut, where it must be: a block gives its
  /// memory back when the last of its entries is committed, and reading stops when none does.
  private mutating func take(entries: Int, bytes: Int) -> [LaneChunk] {
    var taken: [LaneChunk] = []
    var (entriesLeft, bytesLeft) = (entries, bytes)
    while var chunk = chunks.popFirst() {
      if !taken.isEmpty, !chunk.fits(entries: entriesLeft, bytes: bytesLeft) {
        chunks.prepend(chunk)
        break
      }
      let part = chunk.split(count: entriesLeft, bytes: bytesLeft)
      entriesLeft -= part.entries.count
      bytesLeft -= part.byteCount
      waitingEntries -= part.entries.count
      waitingBytes -= part.byteCount
      taken.append(part)
      if !chunk.entries.isEmpty {
        chunks.prepend(chunk)
        break
      }
    }
    if chunks.isEmpty { waitingSince = nil }
    inFlight = taken.reduce(0) { $0 + $1.entries.count }
    oldestUncommitted = taken.first?.firstID
    return taken
  }

  /// Takes back a part that was not committed: nobody can read it again.
  mutating func putBack(_ part: LaneScheduler.Work.Part, now: ContinuousClock.Instant) {
    chunks.prepend(contentsOf: part.chunks)
    gaps = part.gaps + gaps
    waitingEntries += part.entryCount
    waitingBytes += part.byteCount
    waitingSince = now
    oldestUncommitted = chunks.first?.firstID
  }

  /// Forgets what waits, to read it again from the committed cursor. Answers what was dropped.
  mutating func rewind() -> [LaneChunk] {
    let dropped = Array(chunks)
    chunks.removeAll()
    waitingEntries = 0
    waitingBytes = 0
    waitingSince = nil
    oldestUncommitted = nil
    readPosition = record.cursor.position
    readOrdinal = record.ordinal
    countedPosition = min(countedPosition, readPosition)
    gaps = []
    gapCheck = nil
    return dropped
  }
}

extension LaneChunk {
  package var firstID: EntryID { block.entries[entries.lowerBound].id }
  fileprivate func fits(entries: Int, bytes: Int) -> Bool { self.entries.count <= entries && byteCount <= bytes }
  var firstSize: Int { block.size(of: block.entries[entries.lowerBound]) }
}
