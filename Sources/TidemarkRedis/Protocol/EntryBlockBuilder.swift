internal import Crypto
internal import TidemarkCore

/// Turns the reply of XREAD, or those of several that together answer one request, element by element into an ``EntryBlock``.
///
/// ```
/// depth 0: lanes    1: lane    2: name, entries    3: entry    4: id, fields    5: field names and values
/// ```
/// Bytes and fields go straight into arrays that are reused from reply to reply: an entry costs no allocation. A pure
/// value; the elements may come in any number of steps.
struct EntryBlockBuilder {
  /// Above this a scratch array is handed over instead of copied, and so not kept between replies.
  private static let largestScratch = 4 << 20
  private static let keptBytes = BulkLimiter.keptBytes

  private var request = LaneReadRequest(positions: [], count: 1, block: nil, budget: 0, maxEntryBytes: 0)
  private var block = EntryBlock()
  private var nextLane = 0
  private var isOverBudget = false
  private var serverError: String?
  private var malformed: String?

  // Of the entry being built.
  private var entryID = EntryID.zero
  private var entryStart = 0
  /// Bytes that its names and values really have.
  private var entryBytes: UInt64 = 0
  private var isTooLarge = false
  /// A name whose value is still to come.
  private var name: Range<Int>?
  private var isNameCut = false

  /// Offsets into a block are 32 bits.
  private var budget: Int { min(request.budget ?? .max, Int(UInt32.max)) }

  mutating func begin(_ request: LaneReadRequest) {
    self.request = request
    nextLane = 0
    isOverBudget = false
    serverError = nil
    malformed = nil
  }

  /// - Parameter index: position within the parent array.
  mutating func append(_ element: ReplyElement, depth: Int, index: Int) {
    guard malformed == nil, !isOverBudget else { return }
    switch (depth, index, element) {
    case (0, _, .error(let text)): serverError = serverError ?? String(decoding: text, as: UTF8.self)
    // Nothing new; or what ASKING answers.
    case (0, _, .null), (0, _, .status): break
    case (0, _, .array), (1, _, .array(2, _)): break
    case (2, 0, .bulk(let lane, _)): beginSection(lane)
    case (2, 1, .array), (3, _, .array(2, _)): break
    case (4, 0, .bulk(let id, _)): beginEntry(id)
    case (4, 1, .array(let count, let isCut)):
      if count % 2 != 0 { malformed = "an entry with \(count) names and values" }
      if isCut { beginExcess() }
    // An entry that was deleted between its listing and its reading.
    case (4, 1, .null): break
    case (5, _, .bulk(let bytes, let cut)):
      if index % 2 == 0 { appendName(bytes, cut) } else { appendValue(bytes, cut) }
      let size = block.footprint + block.truncations.count * MemoryLayout<EntryBlock.Truncation>.stride
      if size > budget {
        isOverBudget = true
        block = EntryBlock()
      }
    default: malformed = "an unexpected element at depth \(depth), index \(index)"
    }
  }

  /// The reply, once it is complete.
  ///
  /// - Parameter excesses: of each entry that had too many fields, in their order.
  mutating func finish(_ excesses: [BulkLimiter.Excess] = []) throws(RedisError) -> LaneReadReply {
    defer { reset() }
    if let malformed { throw RedisError(.malformedReply, "XREAD answered \(malformed)") }
    if let serverError { throw RedisError(.server, serverError) }
    if isOverBudget { return .overBudget }
    if block.entries.isEmpty { return .nothing }
    for (index, excess) in zip(block.oversized.indices, excesses) {
      block.oversized[index].fieldCount = excess.elements / 2
      block.oversized[index].restBytes = excess.bytes
      block.oversized[index].restDigest = excess.digest
    }
    return .entries(handOver())
  }

  private mutating func handOver() -> EntryBlock {
    var result = EntryBlock()
    result.sections = block.sections
    result.truncations = block.truncations
    result.oversized = block.oversized
    if block.footprint > Self.largestScratch {
      swap(&result, &block)
    } else {
      // Exact copies: what a block says that it takes is what it takes.
      result.bytes = Self.exactCopy(of: block.bytes)
      result.fields = Self.exactCopy(of: block.fields)
      result.entries = Self.exactCopy(of: block.entries)
    }
    return result
  }

  /// `Array(array[...])` would share the scratch array, with all the room that a larger reply once made.
  private static func exactCopy<Element>(of array: [Element]) -> [Element] {
    Array(unsafeUninitializedCapacity: array.count) { copy, count in count = copy.initialize(fromContentsOf: array) }
  }

  private mutating func reset() {
    let keepsScratch = block.footprint <= Self.largestScratch
    block.bytes.removeAll(keepingCapacity: keepsScratch)
    block.fields.removeAll(keepingCapacity: keepsScratch)
    block.entries.removeAll(keepingCapacity: keepsScratch)
    block.sections.removeAll(keepingCapacity: keepsScratch)
    block.truncations = []
    block.oversized = []
    request.positions = []
  }

  private mutating func beginSection(_ lane: UnsafeRawBufferPointer) {
    // Lanes come in the order of the command, those without news are left out.
    while nextLane < request.positions.count {
      let index = nextLane
      nextLane += 1
      if request.positions[index].lane.utf8.count == lane.count, request.positions[index].lane.utf8.elementsEqual(lane) {
        block.sections.append(.init(lane: index, entries: block.entries.count..<block.entries.count))
        return
      }
    }
    malformed = "a stream that was not asked for"
  }

  private mutating func beginEntry(_ text: UnsafeRawBufferPointer) {
    guard let id = EntryID(utf8: text), let section = block.sections.indices.last else {
      malformed = "an entry without an id"
      return
    }
    entryStart = block.bytes.count
    entryBytes = 0
    isTooLarge = false
    name = nil
    isNameCut = false
    block.entries.append(.init(id: id, firstField: UInt32(block.fields.count), fieldCount: 0))
    block.sections[section].entries = block.sections[section].entries.lowerBound..<block.entries.count
  }

  /// The entry has more fields than it may: the first ones follow.
  private mutating func beginExcess() {
    guard let entry = block.entries.last else { return }
    isTooLarge = true
    block.oversized.append(.init(firstField: entry.firstField))
  }

  private mutating func appendName(_ bytes: UnsafeRawBufferPointer, _ cut: BulkLimiter.Cut?) {
    count(bytes, cut)
    let kept = isTooLarge ? min(bytes.count, mayKeep) : bytes.count
    name = block.bytes.count..<block.bytes.count + kept
    isNameCut = cut != nil || kept < bytes.count
    store(bytes, kept)
  }

  private mutating func appendValue(_ bytes: UnsafeRawBufferPointer, _ cut: BulkLimiter.Cut?) {
    guard let entry = block.entries.indices.last, name != nil else { return }
    count(bytes, cut)
    guard let name else { return }
    let kept = isTooLarge ? min(bytes.count, mayKeep) : bytes.count
    // A name has no place of its own for what was cut of it; the mark at its value says that the entry isn't whole.
    if cut != nil || kept < bytes.count || isNameCut {
      block.truncations.append(
        .init(
          field: block.fields.count, length: cut?.length ?? UInt64(bytes.count),
          digest: cut?.digest ?? Array(SHA256.hash(data: bytes))))
    }
    block.fields.append(
      .init(
        nameStart: UInt32(name.lowerBound), nameLength: UInt32(name.count),
        valueStart: UInt32(block.bytes.count), valueLength: UInt32(kept)))
    store(bytes, kept)
    block.entries[entry].fieldCount += 1
    self.name = nil
    isNameCut = false
  }

  private mutating func store(_ bytes: UnsafeRawBufferPointer, _ kept: Int) {
    block.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<kept]).assumingMemoryBound(to: UInt8.self))
  }

  /// Of a too large entry: the first 4 KiB of each part, and nothing once these alone are too much, for a million
  /// fields of 4 KiB each are as large as one value of 4 GB.
  private var mayKeep: Int {
    block.bytes.count - entryStart > max(request.maxEntryBytes, Self.keptBytes) ? 0 : Self.keptBytes
  }

  private mutating func count(_ bytes: UnsafeRawBufferPointer, _ cut: BulkLimiter.Cut?) {
    entryBytes += cut?.length ?? UInt64(bytes.count)
    guard !isTooLarge, entryBytes > UInt64(max(request.maxEntryBytes, 0)) else { return }
    isTooLarge = true
    shrinkEntry()
  }

  /// Cuts what was stored of the entry before it was known to be too large, moving the rest together.
  private mutating func shrinkEntry() {
    guard let entry = block.entries.last else { return }
    var end = entryStart
    func keep(_ range: Range<Int>) -> Range<Int> {
      let kept = end..<end + min(range.count, Self.keptBytes)
      block.bytes.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        (base + kept.lowerBound).copyMemory(from: base + range.lowerBound, byteCount: kept.count)
      }
      end = kept.upperBound
      return kept
    }
    for index in Int(entry.firstField)..<block.fields.count {
      let field = block.fields[index]
      if field.value.count > Self.keptBytes || field.name.count > Self.keptBytes {
        let digest = block.bytes.withUnsafeBytes { SHA256.hash(data: UnsafeRawBufferPointer(rebasing: $0[field.value])) }
        block.truncations.append(.init(field: index, length: UInt64(field.value.count), digest: Array(digest)))
      }
      let name = keep(field.name)
      let value = keep(field.value)
      block.fields[index] = .init(
        nameStart: UInt32(name.lowerBound), nameLength: UInt32(name.count),
        valueStart: UInt32(value.lowerBound), valueLength: UInt32(value.count))
    }
    if let name {
      isNameCut = isNameCut || name.count > Self.keptBytes
      self.name = keep(name)
    }
    block.bytes.removeLast(block.bytes.count - end)
  }
}
