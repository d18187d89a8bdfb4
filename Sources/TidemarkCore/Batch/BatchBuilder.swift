/// Builds a batch from entries: decodes each entry, and makes its rows by the routes.
///
/// It does no I/O. It holds scratch space, so each task must have its own.
package struct BatchBuilder: ~Copyable {
  let routes: RouteTable
  let maxEntryBytes: Int
  private let snapshotTypes: SnapshotTypes
  private var decoder: EntryDecoder
  private(set) var decoded = DecodedEntry()
  private var batch: ChangeBatch
  private var constants: [Cell] = []
  /// The lane whose entries are being added.
  private var laneID = Cell.null
  /// The partition whose sessions belong to the lane whose entries are being added; nil if every session may.
  private var partition: SessionPartition?
  /// Whether the entry that is being added gets a snapshot.
  private var isForSnapshot = false
  /// The checksum of each session of the batch.
  private var checksums: [UInt16] = []

  /// - Parameters:
  ///   - entryCount: the number of entries to expect, where that is known. Room for as many rows is reserved in each destination;
  ///     growing step by step would copy every row once more.
  ///   - snapshotTypes: the types of changes that get a snapshot in their own transaction.
  package init(routes: RouteTable, limits: EntryDecoder.Limits, entryCount: Int = 0, snapshotTypes: Set<String> = []) {
    self.routes = routes
    self.snapshotTypes = SnapshotTypes(snapshotTypes, in: routes.catalog)
    maxEntryBytes = limits.maxEntryBytes
    decoder = EntryDecoder(catalog: routes.catalog, limits: limits)
    batch = ChangeBatch(destinations: routes.destinations)
    batch.entries.reserveCapacity(entryCount)
    for index in batch.rowSets.indices { batch.rowSets[index].reserve(entryCount) }
    constants = routes.constants.map { constant in
      switch constant {
      case .text(let bytes): make { $0.append(contentsOf: bytes) }
      case .boolean(let value): .boolean(value)
      }
    }
  }

  /// Appends a lane's entries, in order, from one or several blocks, together with the gaps among them.
  ///
  /// - Parameter partition: the partition whose sessions belong to the lane; nil if every session may.
  package mutating func append(
    lane record: LaneRecord, partition: SessionPartition?, _ chunks: [LaneChunk], gaps: [LaneGap] = []
  ) {
    let start = batch.entries.count
    let lane = batch.segments.count
    self.partition = partition
    laneID = .integer(Int64(record.laneID))
    for chunk in chunks {
      batch.blocks.append(chunk.block)
      batch.byteCount += chunk.byteCount
      for index in chunk.entries { append(chunk.block, index, lane: lane) }
    }
    guard batch.entries.count > start || !gaps.isEmpty else { return }
    let last = chunks.last.flatMap { chunk in chunk.entries.last.map { (chunk.block, chunk.block.entries[$0]) } }
    batch.segments.append(
      ChangeBatch.Segment(
        laneID: record.laneID, lane: record.name, fence: record.fence, incarnation: record.incarnation, before: record.cursor,
        anchorBefore: record.anchor, ordinalBefore: record.ordinal, furthest: record.furthest,
        entries: start..<batch.entries.count, anchorAfter: last.map { AnchorDigest(of: $1, in: $0) } ?? record.anchor, gaps: gaps))
  }

  package consuming func finish() -> ChangeBatch {
    batch.sessionRanks = batch.sessions.ranks()
    return batch
  }

  private mutating func append(_ block: EntryBlock, _ index: Int, lane: Int) {
    let source = block.entries[index]
    var entry = BatchEntry(lane: lane, id: source.id, block: batch.blocks.count - 1, indexInBlock: index, disposition: .apply)
    do throws(Rejection) {
      try decoder.decode(source, of: block, into: &decoded)
      isForSnapshot = snapshotTypes.contains(decoded, block)
      if decoded.isEphemeral { entry.disposition = .ephemeral } else { try makeRoom(source, block) }
    } catch {
      entry.disposition = .rejected(error)
      entry.digest = decoder.digest(of: source, in: block) ?? .none
      if !decoded.session.isEmpty {
        entry.session = session(of: block)
        entry.eventID = text(decoded.eventID, of: block)
      }
    }
    if entry.disposition == .apply {
      fillLedger(&entry, block)
      if let partition, case .session(let number) = entry.session {
        entry.isMisrouted = !partition.holds(sessionOf: checksums[Int(number)])
      }
      makeRows(entry, block)
    }
    batch.entries.append(entry)
  }

  private mutating func fillLedger(_ entry: inout BatchEntry, _ block: EntryBlock) {
    entry.digest = decoded.digest
    entry.contentDigest = decoded.contentDigest
    entry.isOfUnknownType = decoded.type == nil
    entry.session = session(of: block)
    entry.type = text(decoded.typeName, of: block)
    entry.eventID = text(decoded.eventID, of: block)
    entry.actor = text(decoded.actor, of: block)
    entry.trace = text(decoded.trace, of: block)
    entry.seq = decoded.seq.map { .integer($0) } ?? .null
    entry.epoch = decoded.epoch.map { .integer($0) } ?? .null
    entry.version = .integer(decoded.version)
    entry.occurredAt = .time(decoded.occurredMilliseconds)
    switch decoded.type.map({ routes.catalog[$0].kept }) ?? .all {
    case .all: entry.fields = keptFields(block)
    case .extras: entry.fields = extras(block)
    case .none: break
    }
  }

  private mutating func makeRows(_ entry: BatchEntry, _ block: EntryBlock) {
    // Extras are written once and shared by all rows of the entry.
    var sharedExtras: Cell?
    for route in routes.routes(for: decoded.type) {
      guard takes(route) else { continue }
      for source in route.sources {
        let cell: Cell
        switch source {
        case .slot(let slot): cell = value(slot, of: block)
        case .integerSlot(let slot): cell = integer(decoded.values[slot], of: block)
        case .slotOr(let slot, let fallback):
          cell = decoded.values[slot] == nil ? constants[fallback] : value(slot, of: block)
        case .constant(let index): cell = constants[index]
        case .session: cell = entry.session
        case .entryMilliseconds: cell = .integer(Int64(clamping: entry.id.ms))
        case .entryNumber: cell = .integer(Int64(clamping: entry.id.no))
        case .laneID: cell = laneID
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

  /// Returns whether a route of the entry's type applies to this entry.
  func takes(_ route: RouteTable.CompiledRoute) -> Bool {
    if let with = route.with, decoded.values[with] == nil { return false }
    if let without = route.without, decoded.values[without] != nil { return false }
    return !route.isForSnapshots || isForSnapshot
  }

  /// Reserves exactly `bytes` more bytes for values that are made. Growing by halves would take several times a large entry's size.
  mutating func reserve(_ bytes: Int) { batch.made.reserveCapacity(batch.made.count + bytes) }

  /// Returns whether the field in `slot` is JSON in which escapes must be replaced.
  func isReplacedJSON(_ slot: Int) -> Bool {
    guard decoded.hasUnstorableEscapes, let type = decoded.type else { return false }
    return routes.catalog[type].fields[slot].isJSON
  }

  /// Returns the value of a field of the entry's type.
  private mutating func value(_ slot: Int, of block: EntryBlock) -> Cell {
    guard let range = decoded.values[slot], isReplacedJSON(slot) else { return text(decoded.values[slot], of: block) }
    return make { JSONText.appendValue(block.bytes[range], replacing: true, to: &$0) }
  }

  /// Returns a text as it was read, with NULs replaced where it has any.
  private mutating func text(_ range: Range<Int>?, of block: EntryBlock) -> Cell {
    guard let range else { return .null }
    guard decoded.hasNUL else {
      return .read(block: Int32(batch.blocks.count - 1), start: UInt32(range.lowerBound), length: UInt32(range.count))
    }
    return make { Self.replaceNUL(in: block.bytes[range], to: &$0) }
  }

  private func integer(_ range: Range<Int>?, of block: EntryBlock) -> Cell {
    guard let range, let number = block.bytes.withUnsafeBufferPointer({ FieldCheck.integer($0, range) }) else { return .null }
    return .integer(number)
  }

  private mutating func session(of block: EntryBlock) -> Cell {
    guard decoded.hasNUL else {
      return block.bytes.withUnsafeBytes { number(UnsafeRawBufferPointer(rebasing: $0[decoded.session])) }
    }
    var name: [UInt8] = []
    Self.replaceNUL(in: block.bytes[decoded.session], to: &name)
    return name.withUnsafeBytes { number($0) }
  }

  private mutating func number(_ session: UnsafeRawBufferPointer) -> Cell {
    let found = batch.sessions.insert(session)
    if found.isNew { checksums.append(CRC16.xmodem(session)) }
    return .session(Int32(found.number))
  }

  private static func replaceNUL(in text: ArraySlice<UInt8>, to output: inout [UInt8]) {
    for byte in text {
      if byte == 0 { output.append(contentsOf: "\u{FFFD}".utf8) } else { output.append(byte) }
    }
  }

  private mutating func make(_ fill: (inout [UInt8]) -> Void) -> Cell {
    let start = batch.made.count
    fill(&batch.made)
    return .made(start: start, length: UInt32(batch.made.count - start))
  }

  private mutating func extras(_ block: EntryBlock) -> Cell {
    guard !decoded.extras.isEmpty else { return .null }
    let fields = decoded.extras
    return make { JSONText.appendObject(texts: fields, of: block.bytes, to: &$0) }
  }

  private mutating func prefixed(_ block: EntryBlock) -> Cell {
    guard let type = decoded.type, let prefix = routes.catalog[type].jsonPrefix, !decoded.prefixed.isEmpty else { return .null }
    let (fields, replacing) = (decoded.prefixed, decoded.hasUnstorableEscapes)
    return make { JSONText.appendObject(values: fields, of: block.bytes, droppingPrefix: prefix.utf8.count, replacing: replacing, to: &$0) }
  }

  /// Returns all that the change says, as one JSON object.
  private mutating func keptFields(_ block: EntryBlock) -> Cell {
    let decoded = decoded
    let type = decoded.type.map { routes.catalog[$0] }
    return make { bytes in
      bytes.append(UInt8(ascii: "{"))
      let start = bytes.count
      for (slot, value) in decoded.values.enumerated() {
        guard let value, let rule = type?.fields[slot] else { continue }
        if bytes.count > start { bytes.append(UInt8(ascii: ",")) }
        JSONText.appendString(rule.name.utf8, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if rule.isJSON {
          JSONText.appendValue(block.bytes[value], replacing: decoded.hasUnstorableEscapes, to: &bytes)
        } else {
          JSONText.appendString(block.bytes[value], to: &bytes)
        }
      }
      JSONText.appendMembers(
        values: decoded.prefixed, of: block.bytes, droppingPrefix: 0, replacing: decoded.hasUnstorableEscapes,
        isFirst: bytes.count == start, to: &bytes)
      JSONText.appendMembers(texts: decoded.extras, of: block.bytes, isFirst: bytes.count == start, to: &bytes)
      bytes.append(UInt8(ascii: "}"))
    }
  }
}
