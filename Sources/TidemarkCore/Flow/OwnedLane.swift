internal import DequeModule

/// One owned lane between Redis and Postgres: its read position, its waiting entries, and whether it may go on.
package struct OwnedLane: Sendable {
  package internal(set) var record: LaneRecord
  /// What the lane is by the settings.
  package internal(set) var profile: LaneProfile
  /// The limits of the lane's transactions.
  var batch: BatchLimits
  /// The last entry that was read. It is ahead of the committed cursor by the entries that wait or are in flight.
  package internal(set) var readPosition: EntryID
  /// The number of entries that Redis had added when it assigned `readPosition`.
  package internal(set) var readOrdinal: UInt64
  /// The position up to which every entry that Redis added is accounted for.
  var countedPosition: EntryID
  var chunks: Deque<LaneChunk> = []
  /// The gaps that were found and are not committed yet.
  package internal(set) var gaps: [LaneGap] = []
  var gapCheck: PendingGapCheck?
  /// The gap that reading past the id of a gap check has shown, unless what was read there is of another stream; and that id. The next comparison
  /// decides.
  private(set) var suspected: (gap: LaneGap, entry: EntryID)?
  /// The number of entries that Redis had added when it was last asked.
  package internal(set) var knownAdded: UInt64 = 0
  /// What the lane does. An operator's pause stands beside it, because it outlasts every state.
  package internal(set) var life = LaneLife.serving
  package internal(set) var waitingEntries = 0
  package internal(set) var waitingBytes = 0
  /// The time since which the oldest waiting entry waits.
  var waitingSince: ContinuousClock.Instant?
  /// The number of entries of the transaction under way; nil when there is none.
  package internal(set) var inFlight: Int?
  /// The first entry that is read and not committed.
  package internal(set) var oldestUncommitted: EntryID?
  /// Whether an operator has paused reading. Entries that were read are committed.
  package internal(set) var isPaused = false
  /// The number of the lane's entries that count as ready for writers.
  var readyEntries = 0
  /// Whether Postgres can't be reached, or refuses commits for a while.
  package internal(set) var isWaitingForPostgres = false
  var deadLettersInARow = 0
  /// The position after which the server closed the connection instead of sending a single entry.
  var closedAloneAfter: EntryID?
  /// The bytes of all entries that were read of the lane.
  private var bytesRead = 0
  private var entriesRead = 0
  package internal(set) var lastCommit: ContinuousClock.Instant?
  /// The positions at which the committed cursor was seen, for trimming.
  package internal(set) var passed = PassedPositions()

  /// Identifies this ownership of the lane.
  let ownership: Int
  /// The server that holds the lane.
  package internal(set) var server: LaneServer
  /// Identifies the assignment of the lane to its server. The first has the number of the ownership.
  var placement: Int

  init(record: LaneRecord, profile: LaneProfile, batch: BatchLimits, ownership: Int, server: LaneServer) {
    self.record = record
    self.profile = profile
    self.batch = batch
    self.ownership = ownership
    self.server = server
    placement = ownership
    readPosition = record.cursor.position
    readOrdinal = record.ordinal
    countedPosition = record.cursor.position
  }

  /// The lane's stream as it must be, to be compared with what Redis reports.
  package var check: ExpectedStream {
    ExpectedStream(
      record, readPosition: readPosition, readOrdinal: readOrdinal, countedPosition: countedPosition, knownAdded: knownAdded,
      placement: placement)
  }

  package var halt: LaneLife.Halt? { life.halt }

  package var closing: LaneLife.Closing? { life.closing }

  package var isClosing: Bool { closing != nil }

  /// Whether the lane's stream may be read now.
  var isRead: Bool { life == .serving && !isPaused }

  /// Whether entries were read of the lane that are not committed.
  package var hasBacklog: Bool { waitingEntries > 0 || inFlight != nil }

  package var state: LaneState {
    if halt != nil { return .halted }
    if isPaused { return .paused }
    if isWaitingForPostgres { return .waitingPostgres }
    return waitingEntries > 0 || inFlight != nil ? .reading : .idle
  }

  /// The mean size of the lane's entries; nil before one was read.
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

  /// Counts the entries of a chunk as read, and resolves the pending gap check when its id is passed. Where entries are missing, the stream may
  /// have been replaced since it was inspected: then they were lost with the old one, and how many is not known.
  private mutating func pass(_ chunk: LaneChunk) {
    defer { readOrdinal += UInt64(chunk.entries.count) }
    guard let gapCheck, readPosition >= gapCheck.entry else { return }
    self.gapCheck = nil
    let before = chunk.entries.prefix { chunk.block.entries[$0].id <= gapCheck.entry }
    let next = chunk.entries.first { chunk.block.entries[$0].id >= gapCheck.entry }.map { chunk.block.entries[$0].id } ?? readPosition
    let gap = gapCheck.gap(read: readOrdinal + UInt64(before.count), next: next, place: readPosition)
    suspected = gap.map { ($0, gapCheck.entry) }
    if gap == nil { countedPosition = gapCheck.entry }
  }

  /// Records that a comparison found the lane's stream to be the one that was read.
  ///
  /// - Parameters:
  ///   - gap: the gap that the comparison has shown, which includes the suspected one.
  ///   - gapCheck: what is to be decided once reading has passed an id. The suspected gap is certain then.
  mutating func compared(gap: LaneGap? = nil, gapCheck: PendingGapCheck? = nil) {
    defer { suspected = nil }
    guard var gapCheck else {
      self.gapCheck = nil
      if let gap { lost(gap) }
      countedPosition = readPosition
      return
    }
    if let suspected {
      lost(suspected.gap)
      countedPosition = suspected.entry
      gapCheck.since = countedPosition
    }
    self.gapCheck = self.gapCheck ?? gapCheck
  }

  private mutating func lost(_ gap: LaneGap) {
    gaps.append(gap)
    readOrdinal += UInt64(gap.missing)
  }

  /// Whether none of the lane's entries and gaps waits to be committed or is under way.
  var hasNothingToCommit: Bool { inFlight == nil && chunks.isEmpty && gaps.isEmpty }

  /// Whether a gap can be committed without waiting for entries.
  var hasGapToCommit: Bool { chunks.isEmpty && !gaps.isEmpty }

  /// Removes and returns the gaps that a part with these entries carries.
  private mutating func takeGaps(_ taken: [LaneChunk]) -> [LaneGap] {
    guard !gaps.isEmpty else { return [] }
    let last = taken.last.map { $0.block.entries[$0.entries.upperBound - 1].id }
    let leaving = gaps.filter { gap in chunks.isEmpty || last.map { gap.place <= $0 } ?? false }
    gaps.removeAll { leaving.contains($0) }
    return leaving
  }

  /// Returns this lane's part of a transaction that has room for `entries` and `bytes`. Returns nil where the next chunk does not fit
  /// behind others.
  mutating func takePart(entries: Int, bytes: Int, isFirst: Bool) -> LaneScheduler.Work.Part? {
    guard !chunks.isEmpty || hasGapToCommit, isFirst || chunks.first?.fits(entries: entries, bytes: bytes) ?? true else { return nil }
    let taken = take(entries: entries, bytes: bytes)
    return LaneScheduler.Work.Part(record: record, profile: profile, chunks: taken, gaps: takeGaps(taken), ownership: ownership)
  }

  /// Removes up to `entries` and `bytes` from the front, at least one entry. Only the first chunk is split, where it must be: a block gives
  /// its memory back when the last of its entries is committed, and reading stops when no block does.
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

  /// Puts back a part that was not committed and that can't be read again.
  mutating func putBack(_ part: LaneScheduler.Work.Part, now: ContinuousClock.Instant) {
    chunks.prepend(contentsOf: part.chunks)
    gaps = part.gaps + gaps
    waitingEntries += part.entryCount
    waitingBytes += part.byteCount
    waitingSince = now
    oldestUncommitted = chunks.first?.firstID
  }

  /// Drops the waiting entries, which are read again from the committed cursor. Returns the dropped chunks.
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
    suspected = nil
    return dropped
  }
}

extension LaneChunk {
  package var firstID: EntryID { block.entries[entries.lowerBound].id }
  fileprivate func fits(entries: Int, bytes: Int) -> Bool { self.entries.count <= entries && byteCount <= bytes }
  var firstSize: Int { block.size(of: block.entries[entries.lowerBound]) }
}
