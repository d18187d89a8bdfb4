internal import Crypto

/// Follows the framing of replies in front of hiredis, and keeps long values and endless lists of fields away from it.
///
/// hiredis holds a bulk string whole before it hands it over: a value of 500 MB would sit in our memory however small
/// the limits are. Of a bulk longer than the limit only the first bytes are passed on, behind a header of that length;
/// its real length and digest are put aside under the bulk's ordinal. Only header lines are looked at, bodies are
/// skipped by their length, and what is passed on unchanged is not copied.
///
/// An entry of millions of fields would take hiredis seconds, in which nothing else is read. Of the list of its names and values only the
/// first are passed on, behind a header that counts these; how many there were, and the digest of the others, are put aside.
///
/// A pure value; replies may be cut into chunks anywhere.
struct BulkLimiter {
  /// Fields that are passed on of an entry that has too many.
  static let keptFields = 1_000
  /// Arrays around the list of an entry's names and values: lanes, lane, entries, entry.
  static let depthOfFields = 4

  /// What is passed on of a cut bulk: 4 KiB.
  static let keptBytes = 4096
  /// The longest header that makes sense: `$`, 20 digits, CR LF. Beyond it hiredis may say what is wrong.
  private static let longestHeader = 32
  /// Of a line, which hiredis keeps until it ends and searches anew with each chunk: 1 MiB. Redis' own are its errors.
  private static let longestLine = 1 << 20
  /// Arrays within arrays. The deepest reply that we ask for has five.
  private static let deepest = 32

  private enum State {
    case element
    /// Inside a line that is passed on as it comes, with its length and its last byte so far; for an array its count.
    case line(isArray: Bool, length: Int, last: UInt8, count: Int, isNegative: Bool)
    /// Inside a bulk's header, held back in `heldHeader` until its length is known.
    case bulkHeader
    /// The same of the list of an entry's fields.
    case fieldsHeader
    /// Inside a bulk that is passed on, with its CR LF.
    case body(remaining: Int)
    /// Inside a bulk that is cut, without its CR LF.
    case cutBody(remaining: Int, toKeep: Int)
    /// Not a reply at all: all is passed on, hiredis names the error. It does not see all of them, and would keep what comes for ever.
    case replacement
  }

  /// What was cut and not yet taken, oldest first.
  private(set) var cuts: [Cut] = []
  /// The same of lists of fields; the last one may still be coming in.
  private(set) var excesses: [Excess] = []
  private var state = State.element
  private var heldHeader: [UInt8] = []
  /// Elements missing of each array that is open.
  private var open: [Int] = []
  private var ordinal: UInt64 = 0
  private var cutLength = 0
  private var hasher: SHA256?
  private var arrays: UInt64 = 0
  /// Elements left of the list of fields at which passing it on ends; nil where no list is cut.
  private var leavesOutFrom: Int?
  /// What comes is left out, and hashed.
  private(set) var isLeavingOut = false
  private var restHasher = SHA256()

  /// The cut bulk of that ordinal, and forgets it.
  mutating func takeCut(_ ordinal: UInt64) -> Cut? {
    guard let first = cuts.first, first.ordinal == ordinal else { return nil }
    return cuts.removeFirst()
  }

  /// All lists of fields that were cut, and forgets them.
  mutating func takeExcesses() -> [Excess] {
    defer { excesses = [] }
    return excesses
  }

  /// Whether the list of fields of that ordinal is cut.
  func isCut(array ordinal: UInt64) -> Bool { excesses.contains { $0.ordinal == ordinal } }

  /// Passes on input up to the end of a reply. The limits may change from one reply to the next, so it stops there.
  ///
  /// - Returns: bytes used of the input, and whether they end a reply. All are used where they don't.
  mutating func feed(
    _ input: UnsafeRawBufferPointer, limits: Limits, pass: (UnsafeRawBufferPointer) -> Void
  ) -> (used: Int, isComplete: Bool) {
    var at = 0
    // Start of what was looked at and not yet passed on.
    var from = 0
    func passRun(to end: Int) {
      if end > from {
        let run = UnsafeRawBufferPointer(rebasing: input[from..<end])
        if isLeavingOut { restHasher.update(bufferPointer: run) } else { pass(run) }
      }
      from = end
    }
    /// Counts an element that ended. True at the end of the reply.
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
          // Nearly all bulks of a stream lie whole in their chunk: skipped here without a state of their own.
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
          state = .replacement
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
          state = length > Self.longestLine ? .replacement : line
          break
        }
        // hiredis reads on behind a line feed that stands alone: from here on the two would follow different replies.
        guard last == UInt8(ascii: "\r") else {
          state = .replacement
          break
        }
        state = .element
        if isArray, !isNegative, open.count == Self.depthOfFields { arrays += 1 }
        if isArray, !isNegative, count > 0 {
          open.append(count)
          if open.count > Self.deepest { state = .replacement }
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
        // Moved out and back, not copied: most chunks end within a bulk.
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

      case .replacement:
        at = input.count
      }
    }
    passRun(to: at)
    return (at, false)
  }

  /// Whether what came is no reply; nothing will become one any more.
  var isBroken: Bool { if case .replacement = state { true } else { false } }

  private var isBetweenElements: Bool { if case .element = state { true } else { false } }

  /// The length in a bulk's header and the start of its body. Nil where that isn't simply digits, CR, LF within `input`.
  private func plainHeader(_ input: UnsafeRawBufferPointer, _ start: Int) -> (length: Int, body: Int)? {
    var at = start + 1
    var length = 0
    // Ten digits: far above what Redis allows (512 MB), and no overflow.
    while at < input.count, at <= start + 10, case let digit = input[at] &- 0x30, digit <= 9 {
      length = length &* 10 &+ Int(digit)
      at += 1
    }
    guard at > start + 1, at + 1 < input.count, input[at] == 13, input[at + 1] == 10 else { return nil }
    return (length, at + 2)
  }

  /// Reads a bulk's header and moves on to its body. The length where the bulk is to be cut, else nil.
  private mutating func longerLength(_ header: UnsafeRawBufferPointer, _ limits: Limits) -> Int? {
    let digits = header.dropFirst().dropLast(2)
    guard header.suffix(2).elementsEqual([13, 10]), !digits.isEmpty, header.count <= Self.longestHeader, digits.count < 19 else {
      state = .replacement
      return nil
    }
    if digits.elementsEqual("-1".utf8) {
      state = .element
      return nil
    }
    var length = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else {
        state = .replacement
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

  /// Passes on the header of an entry's list of fields, or one of fewer. Answers the number of its elements; 0 also for a list that is none.
  private mutating func fieldsHeader(_ header: [UInt8], _ limits: Limits, _ pass: (UnsafeRawBufferPointer) -> Void) -> Int {
    state = .element
    let digits = header.dropFirst().dropLast(2)
    guard header.suffix(2) == [13, 10], !digits.isEmpty, digits.count < 10 else {
      state = .replacement
      header.withUnsafeBytes(pass)
      return -1
    }
    guard digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      // An entry that was deleted between its listing and its reading.
      if !digits.elementsEqual("-1".utf8) { state = .replacement }
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

  /// Counts an element that ended, and the arrays that end with it. Answers whether it is the end of the reply, and whether what follows is left
  /// out.
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
