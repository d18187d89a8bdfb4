@testable import TidemarkCore

/// Streams as Redis keeps them, with the counters that it keeps of them, and every way in which they lose entries.
struct SimulatedRedis {
  struct Entry {
    var id: EntryID
    /// What a producer wrote: no two writes share it.
    var value: Int
  }

  struct Stream {
    var entries: [Entry] = []
    var added: UInt64 = 0
    var last = EntryID.zero
    var maxDeleted = EntryID.zero
    var hasGroup = false
  }

  private(set) var streams: [String: Stream] = [:]
  private var copies: [String: Stream] = [:]
  var marks: [String: DurableMark] = [:]

  // Producers

  /// Ids follow the clock, or the last id where the clock is behind it.
  mutating func add(_ lane: String, value: Int, ms: UInt64) -> EntryID {
    var stream = streams[lane] ?? Stream()
    let id = ms > stream.last.ms ? EntryID(ms: ms, no: 0) : stream.last.successor
    stream.entries.append(Entry(id: id, value: value))
    stream.added += 1
    stream.last = id
    streams[lane] = stream
    return id
  }

  // Faults

  mutating func trim(_ lane: String, toLength length: Int) {
    guard let count = streams[lane]?.entries.count, count > length else { return }
    streams[lane]?.entries.removeFirst(count - length)
  }

  mutating func delete(_ lane: String, at index: Int) {
    guard let removed = streams[lane]?.entries.remove(at: index), let before = streams[lane]?.maxDeleted else { return }
    streams[lane]?.maxDeleted = max(before, removed.id)
  }

  mutating func flush() {
    streams = [:]
    copies = [:]
    marks = [:]
  }

  mutating func drop(_ lane: String) { streams[lane] = nil }

  mutating func keepCopy(_ lane: String) { copies[lane] = streams[lane] }

  /// A replica that lagged behind takes over, or a snapshot comes back. Answers how many entries it had added; nil where there is none.
  mutating func rewind(_ lane: String) -> UInt64? {
    guard let copy = copies[lane], let stream = streams[lane], copy.added < stream.added else { return nil }
    streams[lane] = copy
    return copy.added
  }

  // What a worker asks

  func read(_ request: LaneReadRequest, most: Int) -> EntryBlock? {
    var block = EntryBlock()
    for (index, position) in request.positions.enumerated() {
      let found = (streams[position.lane]?.entries ?? []).filter { $0.id > position.after }.prefix(min(request.count, most))
      let first = block.entries.count
      for entry in found { block.add(entry.id, Self.fields(entry.value)) }
      if !found.isEmpty { block.sections.append(EntryBlock.Section(lane: index, entries: first..<block.entries.count)) }
    }
    return block.entries.isEmpty ? nil : block
  }

  func observe(_ lane: ExpectedStream) -> ObservedStream {
    guard let stream = streams[lane.lane] else { return ObservedStream(stream: nil, hasGroup: false, anchor: .gone) }
    let anchor = stream.entries.first { $0.id == lane.cursor }.map { EntryBlock.of(Self.fields($0.value), id: $0.id) }
    let first = stream.entries.first?.id
    // The last entry is told only where it must be.
    let tellsLast = stream.last > lane.readPosition && first.map { $0 <= lane.readPosition || $0 <= stream.maxDeleted } ?? false
    return ObservedStream(
      stream: StreamInfo(
        length: UInt64(stream.entries.count), lastGeneratedID: stream.last, entriesAdded: stream.added, maxDeletedID: stream.maxDeleted,
        firstID: first, lastID: tellsLast ? stream.entries.last?.id : nil),
      hasGroup: stream.hasGroup, anchor: anchor.map { .there(AnchorDigest(of: $0.entries[0], in: $0)) } ?? .gone)
  }

  mutating func makeGroup(_ lane: String) { streams[lane]?.hasGroup = true }

  mutating func raiseMinimumID(_ lane: String, to floor: EntryID) {
    guard let last = streams[lane]?.last, last < floor else { return }
    streams[lane]?.last = floor
  }

  /// XTRIM MINID. Answers what went.
  mutating func trim(_ lane: String, below id: EntryID) -> [Entry] {
    let gone = streams[lane]?.entries.filter { $0.id < id } ?? []
    streams[lane]?.entries.removeAll { $0.id < id }
    return gone
  }

  mutating func publish(_ mark: DurableMark) {
    guard let held = marks[mark.lane] else { return marks[mark.lane] = mark }
    if (mark.incarnation, mark.durable) > (held.incarnation, held.durable) { marks[mark.lane] = mark }
  }

  /// Every seventh has a NUL, which is refused or replaced as the workers are set.
  static func fields(_ value: Int) -> [RawField] {
    let note = value % 7 == 3 ? "not\0e" : "note"
    return [["type", "note"], ["session", "s"], RawField("text", note), RawField("value", "\(value)")]
  }
}
