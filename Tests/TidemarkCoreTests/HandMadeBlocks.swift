import Testing

@testable import TidemarkCore

/// A field of a hand-made entry, as bytes.
struct RawField: ExpressibleByArrayLiteral {
  var name: [UInt8]
  var value: [UInt8]

  init(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
    self.name = Array(name)
    self.value = Array(value)
  }

  init(_ name: String, _ value: String) { self.init(name.utf8, value.utf8) }

  init(arrayLiteral elements: String...) { self.init(elements[0], elements[1]) }
}

extension EntryBlock {
  /// Returns a block of one section, for the lane with this index.
  static func of(_ entries: [(id: EntryID, fields: [RawField])], lane: Int = 0) -> EntryBlock {
    var block = EntryBlock()
    for entry in entries { block.add(entry.id, entry.fields) }
    block.sections = [Section(lane: lane, entries: 0..<block.entries.count)]
    return block
  }

  static func of(_ fields: [RawField], id: EntryID = EntryID(ms: 1_000, no: 0)) -> EntryBlock { of([(id, fields)]) }

  mutating func add(_ id: EntryID, _ new: [RawField]) {
    entries.append(Entry(id: id, firstField: UInt32(fields.count), fieldCount: UInt32(new.count)))
    for field in new {
      let start = UInt32(bytes.count)
      bytes += field.name
      bytes += field.value
      fields.append(
        Field(
          nameStart: start, nameLength: UInt32(field.name.count), valueStart: start + UInt32(field.name.count),
          valueLength: UInt32(field.value.count)))
    }
  }

  /// Returns a block with entries 1-0, 2-0, ... whose values have these sizes in bytes.
  static func sized(_ sizes: [Int], first: UInt64 = 1, lane: Int = 0) -> EntryBlock {
    of(
      sizes.enumerated().map { index, size in
        (EntryID(ms: first + UInt64(index), no: 0), [RawField([UInt8](), repeatElement(120, count: size))])
      }, lane: lane)
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// Returns the block as one chunk.
  func chunk(id: Int = 0) -> LaneChunk { LaneChunk(block: self, blockID: id, entries: 0..<entries.count) }
}

extension LaneRecord {
  static func named(
    _ name: String, id: Int32 = 1, fence: Int64 = 1, cursor: LaneCursor = LaneCursor(position: .zero, appliedNo: 0)
  ) -> LaneRecord {
    LaneRecord(laneID: id, name: name, shard: 0, fence: fence, incarnation: 1, cursor: cursor, ordinal: 0, baseline: 0, owner: "me")
  }
}

extension LaneProfile {
  /// A stream that the configuration names.
  static func stream(_ name: String) -> LaneProfile {
    LaneProfile(stream: name, of: LaneItem(streams: name, start: .oldest), KeyNames(prefix: "tidemark"))
  }
}

extension LaneScheduler {
  /// Acquires a lane of which it does not matter what it is.
  mutating func acquire(_ record: LaneRecord, at server: LaneServer = .only, knownAdded: UInt64 = 0) {
    acquire(record, as: .stream(record.name), at: server, knownAdded: knownAdded)
  }
}

extension ChangeBatch {
  /// Returns a batch of one lane.
  static func of(
    _ entries: [(id: EntryID, fields: [RawField])], record: LaneRecord = .named("lane"), maxEntryBytes: Int = 1 << 20,
    replacesNUL: Bool = false, partition: SessionPartition? = nil, snapshotTypes: Set<String> = []
  ) -> ChangeBatch {
    of([(record, entries)], maxEntryBytes: maxEntryBytes, replacesNUL: replacesNUL, partition: partition, snapshotTypes: snapshotTypes)
  }

  static func of(
    _ lanes: [(record: LaneRecord, entries: [(id: EntryID, fields: [RawField])])], maxEntryBytes: Int = 1 << 20,
    replacesNUL: Bool = false, partition: SessionPartition? = nil, snapshotTypes: Set<String> = []
  ) -> ChangeBatch {
    var builder = BatchBuilder(
      routes: RouteTable.builtIn, limits: EntryDecoder.Limits(maxEntryBytes: maxEntryBytes, replacesNUL: replacesNUL),
      snapshotTypes: snapshotTypes)
    for (record, entries) in lanes { builder.append(lane: record, partition: partition, [EntryBlock.of(entries).chunk()]) }
    return builder.finish()
  }

  func text(_ cell: Cell) -> String? { text(of: cell).map { String(decoding: $0, as: UTF8.self) } }

  /// Returns the rows of a destination, each as its columns' texts.
  func rows(_ destination: String) -> [[String?]] {
    guard let set = rowSets.first(where: { $0.destination.name == destination }) else { return [] }
    return (0..<set.rowCount).map { row in (0..<set.columnCount).map { text(set.cell(row: row, column: $0)) } }
  }
}

/// Returns entries with ids 1-0, 2-0, ... for tests in which the id does not matter.
func numbered(_ entries: [[RawField]]) -> [(id: EntryID, fields: [RawField])] {
  entries.enumerated().map { (EntryID(ms: UInt64($0 + 1), no: 0), $1) }
}
