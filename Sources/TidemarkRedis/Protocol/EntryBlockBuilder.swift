internal import Crypto
internal import TidemarkCore

/// Builds an ``EntryBlock`` element by element from the reply to XREAD, or from several replies that answer one request.
///
/// ```
/// depth 0: lanes    1: lane    2: name, entries    3: entry    4: id, fields    5: field names and values
/// ```
/// Bytes and fields are appended to arrays that are reused for all replies, so an entry costs no allocation. This is a pure value; the
/// elements may arrive in any number of steps.
struct EntryBlockBuilder {
  /// The size above which a scratch array is handed over instead of copied, and therefore not kept for the next reply.
  private static let largestScratch = 4 << 20
  private static let keptBytes = BulkLimiter.keptBytes

  private var request = LaneReadRequest(positions: [], count: 1, block: nil, budget: 0, maxEntryBytes: 0)
  private var block = EntryBlock()
  private var nextLane = 0
  private var isOverBudget = false
  private var serverError: String?
  private var malformed: String?

  // The state of the entry that is being built.
  private var entryID = EntryID.zero
  private var entryStart = 0
  /// The real number of bytes of the entry's names and values.
  private var entryBytes: UInt64 = 0
  private var isTooLarge = false
  /// A name whose value has not arrived yet.
  private var name: Range<Int>?
  private var isNameCut = false

  /// The budget in bytes; offsets into a block have 32 bits.
  private var budget: Int { min(request.budget ?? .max, Int(UInt32.max)) }

  mutating func begin(_ request: LaneReadRequest) {
    self.request = request
    nextLane = 0
    isOverBudget = false
    serverError = nil
    malformed = nil
  }

  /// - Parameter index: the position within the parent array.
  mutating func append(_ element: ReplyElement, depth: Int, index: Int) {
    guard malformed == nil, !isOverBudget else { return }
    switch (depth, index, element) {
    case (0, _, .error(let text)): serverError = serverError ?? String(decoding: text, as: UTF8.self)
    // The reply has no entries, or it is the reply to ASKING.
    case (0, _, .null), (0, _, .status): break
    case (0, _, .array), (1, _, .array(2, _)): break
    case (2, 0, .bulk(let lane, _)): beginSection(lane)
    case (2, 1, .array), (3, _, .array(2, _)): break
    case (4, 0, .bulk(let id, _)): beginEntry(id)
    case (4, 1, .array(let count, let isCut)):
      if count % 2 != 0 { malformed = "an entry with \(count) names and values" }
      if isCut { beginExcess() }
    // The entry was deleted between its listing and its reading.
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

  /// Returns the complete reply.
  ///
  /// - Parameter excesses: the cut field lists of the entries that had too many fields, in order.
  mutating func finish(_ excesses: [BulkLimiter.Excess] = []) throws(RedisError) -> LaneReadReply {
    defer { reset() }
    if let malformed { throw RedisError(.malformedReply, "the reply to XREAD has \(malformed)") }
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
      // The copies are exact, so that a block uses the memory that it reports.
      result.bytes = Self.exactCopy(of: block.bytes)
      result.fields = Self.exactCopy(of: block.fields)
      result.entries = Self.exactCopy(of: block.entries)
    }
    return result
  }

  /// Returns an exact copy. `Array(array[...])` would share the scratch array with all the capacity that a larger reply once needed.
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
    // Lanes arrive in the order of the command; lanes without entries are left out.
    while nextLane < request.positions.count {
      let index = nextLane
      nextLane += 1
      if request.positions[index].lane.utf8.count == lane.count, request.positions[index].lane.utf8.elementsEqual(lane) {
        block.sections.append(.init(lane: index, entries: block.entries.count..<block.entries.count))
        return
      }
    }
    malformed = "a stream that was not requested"
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

  /// Records that the entry has too many fields; its first fields follow.
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
    // A cut name has no mark of its own; the mark at its value says that the entry is incomplete.
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

  /// The number of bytes that may be kept of a part: the first 4 KiB of each part of an entry that is too large, and nothing once these
  /// alone are too large, because a million fields of 4 KiB are as large as one value of 4 GB.
  private var mayKeep: Int {
    block.bytes.count - entryStart > max(request.maxEntryBytes, Self.keptBytes) ? 0 : Self.keptBytes
  }

  private mutating func count(_ bytes: UnsafeRawBufferPointer, _ cut: BulkLimiter.Cut?) {
    entryBytes += cut?.length ?? UInt64(bytes.count)
    guard !isTooLarge, entryBytes > UInt64(max(request.maxEntryBytes, 0)) else { return }
    isTooLarge = true
    shrinkEntry()
  }

  /// Shortens the stored parts of an entry that has turned out to be too large, and moves them together.
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
