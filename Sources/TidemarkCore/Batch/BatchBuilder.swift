/// Makes a batch of entries: decodes each, and lets the routes make its rows.
///
/// Pure and without I/O; holds scratch space, so one task has one at a time.
package struct BatchBuilder {
  private static let largeValue = 1 << 20

  private let table: RouteTable
  private let builtIn: BuiltInLanes?
  private var decoder: EntryDecoder
  private var decoded = DecodedEntry()
  private var batch: ChangeBatch

  package init(table: RouteTable, limits: EntryDecoder.Limits, builtIn: BuiltInLanes?) {
    self.table = table
    self.builtIn = builtIn
    decoder = EntryDecoder(catalog: table.catalog, limits: limits)
    batch = ChangeBatch(destinations: table.destinations)
  }

  /// Adds a lane's entries, in order, from one or several blocks.
  package mutating func append(lane record: LaneRecord, _ chunks: [LaneChunk]) {
    let start = batch.entries.count
    let lane = batch.segments.count
    let partition = builtIn?.partition(of: record.name)
    for chunk in chunks {
      batch.blocks.append(chunk.block)
      for index in chunk.entries { append(chunk.block, index, lane: lane, partition: partition) }
    }
    guard batch.entries.count > start else { return }
    batch.segments.append(
      ChangeBatch.Segment(
        laneID: record.laneID, lane: record.name, fence: record.fence, incarnation: record.incarnation, before: record.cursor,
        entries: start..<batch.entries.count))
  }

  package consuming func finish() -> ChangeBatch { batch }

  private mutating func append(_ block: EntryBlock, _ index: Int, lane: Int, partition: Int?) {
    let source = block.entries[index]
    var entry = BatchEntry(lane: lane, id: source.id, block: batch.blocks.count - 1, indexInBlock: index, disposition: .apply)
    do throws(Rejection) {
      try decoder.decode(source, of: block, into: &decoded)
      if decoded.isEphemeral { entry.disposition = .ephemeral }
    } catch {
      entry.disposition = .rejected(error)
      if !decoded.session.isEmpty, error.reason != .badUTF8, error.reason != .unstorableText {
        entry.session = copy(decoded.session, of: block)
      }
    }
    if entry.disposition == .apply {
      fillLedger(&entry, block)
      if let builtIn, let partition { entry.isMisrouted = builtIn.partition(ofSession: block.bytes[decoded.session]) != partition }
      makeRows(entry, block)
    }
    batch.entries.append(entry)
  }

  private mutating func fillLedger(_ entry: inout BatchEntry, _ block: EntryBlock) {
    entry.digest = decoded.digest
    entry.session = copy(decoded.session, of: block)
    entry.type = copy(decoded.typeName, of: block)
    entry.eventID = copy(decoded.eventID, of: block)
    entry.actor = copy(decoded.actor, of: block)
    entry.trace = copy(decoded.trace, of: block)
    entry.seq = decoded.seq.map { write($0) } ?? .null
    entry.epoch = decoded.epoch.map { write($0) } ?? .null
    entry.version = write(decoded.version)
    let occurred = decoded.occurredMilliseconds
    entry.occurredAt = write { TimestampText.append(milliseconds: occurred, to: &$0) }
    switch decoded.type.map({ table.catalog[$0].kept }) ?? .all {
    case .all: entry.fields = keptFields(block)
    case .extras: entry.fields = extras(block)
    case .none: break
    }
  }

  private mutating func makeRows(_ entry: BatchEntry, _ block: EntryBlock) {
    // Positions and extras are written once and shared by all rows of the entry.
    let milliseconds = write(Int64(clamping: entry.id.ms))
    let number = write(Int64(clamping: entry.id.no))
    var sharedExtras: RowSet.Cell?
    for route in table.routes(for: decoded.type) {
      if let with = route.with, decoded.values[with] == nil { continue }
      if let without = route.without, decoded.values[without] != nil { continue }
      for source in route.sources {
        let cell: RowSet.Cell
        switch source {
        case .slot(let slot): cell = copy(decoded.values[slot], of: block)
        case .slotOr(let slot, let fallback):
          cell = decoded.values[slot] == nil ? constant(fallback) : copy(decoded.values[slot], of: block)
        case .constant(let index): cell = constant(index)
        case .session: cell = entry.session
        case .entryMilliseconds: cell = milliseconds
        case .entryNumber: cell = number
        case .time: cell = entry.occurredAt
        case .seq: cell = entry.seq
        case .type: cell = entry.type
        case .prefixed: cell = prefixed(block)
        case .extras:
          let shared = sharedExtras ?? extras(block)
          sharedExtras = shared
          cell = shared
        case .null: cell = .null
        }
        batch.rowSets[route.destination].cells.append(cell)
      }
      batch.rowSets[route.destination].entries.append(Int32(batch.entries.count))
    }
  }

  private mutating func copy(_ range: Range<Int>?, of block: EntryBlock) -> RowSet.Cell {
    guard let range else { return .null }
    let start = batch.bytes.count
    // Else the small values behind a large one would have it copied into twice its room.
    if range.count > Self.largeValue { batch.bytes.reserveCapacity(start + range.count + Self.largeValue) }
    if decoded.hasNUL {
      for byte in block.bytes[range] {
        if byte == 0 { batch.bytes.append(contentsOf: "\u{FFFD}".utf8) } else { batch.bytes.append(byte) }
      }
    } else {
      batch.bytes.append(contentsOf: block.bytes[range])
    }
    return RowSet.Cell(start: start, length: batch.bytes.count - start)
  }

  private mutating func write(_ fill: (inout [UInt8]) -> Void) -> RowSet.Cell {
    let start = batch.bytes.count
    fill(&batch.bytes)
    return RowSet.Cell(start: start, length: batch.bytes.count - start)
  }

  private mutating func write(_ number: Int64) -> RowSet.Cell {
    write { DecimalText.append(number, to: &$0) }
  }

  private mutating func constant(_ index: Int) -> RowSet.Cell {
    let text = table.constants[index]
    return write { $0.append(contentsOf: text) }
  }

  private mutating func extras(_ block: EntryBlock) -> RowSet.Cell {
    guard !decoded.extras.isEmpty else { return .null }
    let fields = decoded.extras
    return write { JSONText.appendObject(texts: fields, of: block.bytes, to: &$0) }
  }

  private mutating func prefixed(_ block: EntryBlock) -> RowSet.Cell {
    guard let type = decoded.type, let prefix = table.catalog[type].jsonPrefix, !decoded.prefixed.isEmpty else { return .null }
    let fields = decoded.prefixed
    return write { JSONText.appendObject(values: fields, of: block.bytes, droppingPrefix: prefix.utf8.count, to: &$0) }
  }

  /// Everything that the change says, as one JSON object.
  private mutating func keptFields(_ block: EntryBlock) -> RowSet.Cell {
    let decoded = decoded
    let type = decoded.type.map { table.catalog[$0] }
    return write { bytes in
      bytes.append(UInt8(ascii: "{"))
      let start = bytes.count
      for (slot, value) in decoded.values.enumerated() {
        guard let value, let rule = type?.fields[slot] else { continue }
        if bytes.count > start { bytes.append(UInt8(ascii: ",")) }
        JSONText.appendString(rule.name.utf8, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if rule.kind == .json || rule.kind == .jsonArray {
          bytes.append(contentsOf: block.bytes[value])
        } else {
          JSONText.appendString(block.bytes[value], to: &bytes)
        }
      }
      JSONText.appendMembers(values: decoded.prefixed, of: block.bytes, droppingPrefix: 0, isFirst: bytes.count == start, to: &bytes)
      JSONText.appendMembers(texts: decoded.extras, of: block.bytes, isFirst: bytes.count == start, to: &bytes)
      bytes.append(UInt8(ascii: "}"))
    }
  }
}
