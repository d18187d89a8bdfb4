internal import Crypto

/// Follows the framing of replies before hiredis sees them, and keeps long values and long lists of fields away from hiredis.
///
/// hiredis buffers a bulk string completely: a value of 500 MB would occupy the worker's memory whatever its limits are. Of a bulk longer
/// than the limit, only the first bytes are passed on, after a header with their length; the real length and the digest are recorded under
/// the bulk's ordinal. Only header lines are parsed; bodies are skipped by their length, and unchanged bytes are not copied.
///
/// An entry of millions of fields would occupy hiredis for seconds, in which nothing else is read. Of the list of its names and values,
/// only the first ones are passed on, after a header with their number; the real number and the digest of the others are recorded.
///
/// This is a pure value. Replies may be split into chunks at any byte.
struct BulkLimiter {
  /// The number of fields that are passed on of an entry with too many.
  static let keptFields = 1_000
  /// The number of arrays around the list of an entry's names and values: lanes, lane, entries, entry.
  static let depthOfFields = 4

  /// The number of bytes that are passed on of a cut bulk: 4 KiB.
  static let keptBytes = 4096
  /// The longest valid header: `$`, 20 digits, CR LF. A longer one is passed on, so that hiredis reports the error.
  private static let longestHeader = 32
  /// The longest line: 1 MiB. hiredis buffers a line until it ends and searches it again with each chunk. Redis' own long lines are errors.
  private static let longestLine = 1 << 20
  /// The largest depth of nested arrays. The deepest reply that Tidemark requests has five levels.
  private static let deepest = 32

  private enum State {
    case element
    /// The position is inside a line that is passed on unchanged. The values are its length and its last byte so far and, for an array, its
    /// count.
    case line(isArray: Bool, length: Int, last: UInt8, count: Int, isNegative: Bool)
    /// The position is inside a bulk's header, which is held back in `heldHeader` until its length is known.
    case bulkHeader
    /// The position is inside the header of an entry's field list, which is held back, too.
    case fieldsHeader
    /// The position is inside a bulk that is passed on; the remaining bytes include its CR LF.
    case body(remaining: Int)
    /// The position is inside a bulk that is cut; the remaining bytes exclude its CR LF.
    case cutBody(remaining: Int, toKeep: Int)
    /// The input is not a reply. All of it is passed on, so that hiredis names the error. hiredis does not detect every error and would
    /// buffer the input forever, so ``isBroken`` reports it, too.
    case broken
  }

  /// The cut bulks that were not taken yet, oldest first.
  private(set) var cuts: [Cut] = []
  /// The cut lists of fields that were not taken yet; the last one may still be incomplete.
  private(set) var excesses: [Excess] = []
  private var state = State.element
  private var heldHeader: [UInt8] = []
  /// The number of missing elements of each open array.
  private var open: [Int] = []
  private var ordinal: UInt64 = 0
  private var cutLength = 0
  private var hasher: SHA256?
  private var arrays: UInt64 = 0
  /// The number of remaining elements of the field list at which passing on stops; nil if no list is cut.
  private var leavesOutFrom: Int?
  /// Whether the input is being left out and hashed.
  private(set) var isLeavingOut = false
  private var restHasher = SHA256()

  /// Returns the cut bulk with this ordinal and removes the record.
  mutating func takeCut(_ ordinal: UInt64) -> Cut? {
    guard let first = cuts.first, first.ordinal == ordinal else { return nil }
    return cuts.removeFirst()
  }

  /// Returns all cut lists of fields and removes the records.
  mutating func takeExcesses() -> [Excess] {
    defer { excesses = [] }
    return excesses
  }

  /// Returns whether the field list with this ordinal is cut.
  func isCut(array ordinal: UInt64) -> Bool { excesses.contains { $0.ordinal == ordinal } }

  /// Passes on input up to the end of a reply. It stops there because the limits may change from one reply to the next.
  ///
  /// - Returns: the number of bytes used, and whether they end a reply. All bytes are used if they don't.
  mutating func feed(
    _ input: UnsafeRawBufferPointer, limits: Limits, pass: (UnsafeRawBufferPointer) -> Void
  ) -> (used: Int, isComplete: Bool) {
    var at = 0
    // The start of the bytes that are examined and not yet passed on.
    var from = 0
    func passRun(to end: Int) {
      if end > from {
        let run = UnsafeRawBufferPointer(rebasing: input[from..<end])
        if isLeavingOut { restHasher.update(bufferPointer: run) } else { pass(run) }
      }
      from = end
    }
    /// Counts a completed element; returns true at the end of the reply.
    func ended() -> Bool {
      let (isComplete, leavesOut) = endElement()
      if leavesOut != isLeavingOut {
        passRun(to: at)
        leaveOut(leavesOut)
      }
      return isComplete
    }

    while at < input.count {
      switch state {
      case .element:
        switch input[at] {
        case UInt8(ascii: "$"):
          // Nearly all bulks of a stream are complete within their chunk, so they are skipped here without a state.
          if let (length, body) = plainHeader(input, at), isLeavingOut || length <= limits.longest, length + 2 <= input.count - body {
            countBulk(length)
            at = body + length + 2
            if ended() {
              passRun(to: at)
              return (at, true)
            }
          } else {
            passRun(to: at)
            state = .bulkHeader
          }
        case UInt8(ascii: "*") where open.count == Self.depthOfFields && limits.mostFields != nil:
          if let (count, body) = plainHeader(input, at), count > 0, count <= 2 * (limits.mostFields ?? 0) {
            arrays += 1
            open.append(count)
            at = body
          } else {
            passRun(to: at)
            state = .fieldsHeader
          }
        case UInt8(ascii: "*"):
          state = .line(isArray: true, length: 0, last: 0, count: 0, isNegative: false)
          at += 1
        case UInt8(ascii: ":"), UInt8(ascii: "+"), UInt8(ascii: "-"):
          state = .line(isArray: false, length: 0, last: 0, count: 0, isNegative: false)
          at += 1
        default:
          state = .broken
        }

      case .line(let isArray, let length, var last, var count, var isNegative):
        var byte = last
        let start = at
        while at < input.count {
          last = byte
          byte = input[at]
          at += 1
          if byte == UInt8(ascii: "\n") { break }
          if isArray {
            if byte == UInt8(ascii: "-") {
              isNegative = true
            } else if byte >= 0x30, byte <= 0x39 {
              count = min(count, Int(Int32.max)) * 10 + Int(byte - 0x30)
            }
          }
        }
        guard byte == UInt8(ascii: "\n") else {
          let length = length + at - start
          let line = State.line(isArray: isArray, length: length, last: byte, count: count, isNegative: isNegative)
          state = length > Self.longestLine ? .broken : line
          break
        }
        // hiredis continues after a line feed without CR, so the two parsers would follow different replies from here on.
        guard last == UInt8(ascii: "\r") else {
          state = .broken
          break
        }
        state = .element
        if isArray, !isNegative, open.count == Self.depthOfFields { arrays += 1 }
        if isArray, !isNegative, count > 0 {
          open.append(count)
          if open.count > Self.deepest { state = .broken }
        } else if ended() {
          passRun(to: at)
          return (at, true)
        }

      case .fieldsHeader:
        let end = input[at...].firstIndex(of: UInt8(ascii: "\n")) ?? input.count - 1
        heldHeader.append(contentsOf: input[at...end])
        at = end + 1
        from = at
        guard heldHeader.last == UInt8(ascii: "\n") || heldHeader.count > Self.longestHeader else { break }
        let header = heldHeader
        heldHeader.removeAll(keepingCapacity: true)
        let count = fieldsHeader(header, limits, pass)
        if count == 0, ended() { return (at, true) }

      case .bulkHeader:
        let end = input[at...].firstIndex(of: UInt8(ascii: "\n")) ?? input.count - 1
        heldHeader.append(contentsOf: input[at...end])
        at = end + 1
        from = at
        guard heldHeader.last == UInt8(ascii: "\n") || heldHeader.count > Self.longestHeader else { break }
        // The buffer is moved out and back, not copied, because most chunks end within a bulk.
        var held: [UInt8] = []
        swap(&held, &heldHeader)
        defer {
          held.removeAll(keepingCapacity: true)
          swap(&held, &heldHeader)
        }
        held.withUnsafeBytes { header in
          if let length = longerLength(header, limits) {
            beginCut(length, limits, pass)
          } else if isLeavingOut {
            restHasher.update(bufferPointer: header)
          } else {
            pass(header)
          }
        }
        if isBetweenElements, ended() { return (at, true) }

      case .body(let remaining):
        let taken = min(remaining, input.count - at)
        at += taken
        state = .body(remaining: remaining - taken)
        if taken == remaining {
          state = .element
          if ended() {
            passRun(to: at)
            return (at, true)
          }
        }

      case .cutBody(let remaining, let toKeep):
        let taken = min(remaining, input.count - at)
        let kept = min(toKeep, taken)
        hasher?.update(bufferPointer: UnsafeRawBufferPointer(rebasing: input[at..<at + taken]))
        passRun(to: at + kept)
        at += taken
        from = at
        state = .cutBody(remaining: remaining - taken, toKeep: toKeep - kept)
        if taken == remaining {
          let digest = hasher.map { Array($0.finalize()) } ?? []
          hasher = nil
          cuts.append(Cut(ordinal: ordinal, length: UInt64(cutLength), digest: digest))
          ordinal += 1
          state = .body(remaining: 2)
        }

      case .broken:
        at = input.count
      }
    }
    passRun(to: at)
    return (at, false)
  }

  /// Whether the input is not a reply; no further reply can follow.
  var isBroken: Bool { if case .broken = state { true } else { false } }

  private var isBetweenElements: Bool { if case .element = state { true } else { false } }

  /// Returns the length in a bulk's header and the start of its body; nil if the header is not just digits and CR LF within `input`.
  private func plainHeader(_ input: UnsafeRawBufferPointer, _ start: Int) -> (length: Int, body: Int)? {
    var at = start + 1
    var length = 0
    // Ten digits are far more than Redis allows (512 MB), and can't overflow.
    while at < input.count, at <= start + 10, case let digit = input[at] &- 0x30, digit <= 9 {
      length = length &* 10 &+ Int(digit)
      at += 1
    }
    guard at > start + 1, at + 1 < input.count, input[at] == 13, input[at + 1] == 10 else { return nil }
    return (length, at + 2)
  }

  /// Parses a bulk's header and moves on to its body. Returns the length if the bulk must be cut, else nil.
  private mutating func longerLength(_ header: UnsafeRawBufferPointer, _ limits: Limits) -> Int? {
    let digits = header.dropFirst().dropLast(2)
    guard header.suffix(2).elementsEqual([13, 10]), !digits.isEmpty, header.count <= Self.longestHeader, digits.count < 19 else {
      state = .broken
      return nil
    }
    if digits.elementsEqual("-1".utf8) {
      state = .element
      return nil
    }
    var length = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else {
        state = .broken
        return nil
      }
      length = length * 10 + Int(digit - 0x30)
    }
    if length > limits.longest, !isLeavingOut { return length }
    countBulk(length)
    state = .body(remaining: length + 2)
    return nil
  }

  private mutating func beginCut(_ length: Int, _ limits: Limits, _ pass: (UnsafeRawBufferPointer) -> Void) {
    cutLength = length
    hasher = limits.wantsDigest ? SHA256() : nil
    state = .cutBody(remaining: length, toKeep: Self.keptBytes)
    var header = "$\(Self.keptBytes)\r\n"
    header.withUTF8 { pass(UnsafeRawBufferPointer($0)) }
  }

  /// Passes on the header of an entry's field list, with a smaller count if it is cut. Returns the number of elements; 0 also if it is not
  /// a list.
  private mutating func fieldsHeader(_ header: [UInt8], _ limits: Limits, _ pass: (UnsafeRawBufferPointer) -> Void) -> Int {
    state = .element
    let digits = header.dropFirst().dropLast(2)
    guard header.suffix(2) == [13, 10], !digits.isEmpty, digits.count < 10 else {
      state = .broken
      header.withUnsafeBytes(pass)
      return -1
    }
    guard digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      // The entry was deleted between its listing and its reading.
      if !digits.elementsEqual("-1".utf8) { state = .broken }
      header.withUnsafeBytes(pass)
      return digits.elementsEqual("-1".utf8) ? 0 : -1
    }
    let count = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    let ordinal = arrays
    arrays += 1
    if count > 0 { open.append(count) }
    guard let most = limits.mostFields, count > 2 * most else {
      header.withUnsafeBytes(pass)
      return count
    }
    let kept = 2 * min(most, Self.keptFields)
    leavesOutFrom = count - kept
    excesses.append(Excess(ordinal: ordinal, elements: count))
    var shorter = "*\(kept)\r\n"
    shorter.withUTF8 { pass(UnsafeRawBufferPointer($0)) }
    return count
  }

  private mutating func countBulk(_ length: Int) {
    if isLeavingOut {
      excesses[excesses.count - 1].bytes += UInt64(length)
    } else {
      ordinal += 1
    }
  }

  private mutating func leaveOut(_ leavesOut: Bool) {
    isLeavingOut = leavesOut
    if leavesOut {
      restHasher = SHA256()
    } else {
      excesses[excesses.count - 1].digest = Array(restHasher.finalize())
    }
  }

  /// Counts a completed element and the arrays that end with it. Returns whether the reply is complete, and whether the following input is
  /// left out.
  private mutating func endElement() -> (isComplete: Bool, leavesOut: Bool) {
    while let last = open.indices.last {
      open[last] -= 1
      if let from = leavesOutFrom, last == Self.depthOfFields, open[last] <= from {
        if open[last] > 0 { return (false, true) }
        leavesOutFrom = nil
      }
      if open[last] > 0 { return (false, isLeavingOut && leavesOutFrom != nil) }
      open.removeLast()
    }
    return (true, false)
  }
}
