@testable import TidemarkCore

/// A stream as Redis keeps it, with its counters.
struct SimulatedStream {
  struct Entry {
    var id: EntryID
    /// What a producer wrote: no two writes share it.
    var value: Int
  }

  /// No two streams share it, whatever their name; copies of one do.
  let identity: Int
  var entries: [Entry] = []
  var added: UInt64 = 0
  var last = EntryID.zero
  var maxDeleted = EntryID.zero
  var hasGroup = false

  init(identity: Int) {
    self.identity = identity
  }

  /// Ids follow the clock, or the last id where the clock is behind it.
  mutating func add(_ value: Int, ms: UInt64) -> EntryID {
    let id = ms > last.ms ? EntryID(ms: ms, no: 0) : last.successor
    entries.append(Entry(id: id, value: value))
    added += 1
    last = id
    return id
  }

  mutating func trim(toLength length: Int) { if entries.count > length { entries.removeFirst(entries.count - length) } }

  mutating func delete(at index: Int) { maxDeleted = max(maxDeleted, entries.remove(at: index).id) }

  func observed(_ lane: ExpectedStream) -> ObservedStream {
    let anchor = entries.first { $0.id == lane.cursor }.map { EntryBlock(id: $0.id, raw: Self.fields($0.value)) }
    let first = entries.first?.id
    // The last entry is told only where it must be.
    let tellsLast = last > lane.readPosition && first.map { $0 <= lane.readPosition || $0 <= maxDeleted } ?? false
    var observed = ObservedStream(
      stream: StreamInfo(
        length: UInt64(entries.count), lastGeneratedID: last, entriesAdded: added, maxDeletedID: maxDeleted, firstID: first,
        lastID: tellsLast ? entries.last?.id : nil),
      hasGroup: hasGroup, anchor: anchor.map { .there(AnchorDigest(of: $0.entries[0], in: $0)) } ?? .gone)
    observed.next = entries.first { $0.id > lane.cursor }?.id
    return observed
  }

  /// Name, value, name, value; every seventh has a NUL, which is refused or replaced as the worker that reads it is set.
  static func fields(_ value: Int) -> [[UInt8]] {
    let note = value % 7 == 3 ? "not\0e" : "note"
    return ["type", "note", "session", "s", "text", note, "value", "\(value)"].map { Array($0.utf8) }
  }
}
