/// Writes an array in Postgres' text form, `{"a\"b",NULL,7}`, element by element into one run of bytes.
///
/// Array input takes any type's text form, so one encoder serves `text[]`, `jsonb[]` and `bigint[]`. Every text element is
/// quoted: within quotes only `"` and `\` need a backslash (PostgreSQL documentation, 8.15.6). No allocation per element.
package struct ArrayLiteral: Sendable {
  // Longer than `used`, which is what has been written. Growing in steps saves a bounds check per byte.
  private var storage: [UInt8]
  private var used: Int
  /// Elements written so far.
  package private(set) var count = 0

  /// `capacity`: bytes expected in all; a hint.
  package init(capacity: Int = 64) {
    storage = [UInt8](repeating: 0, count: Swift.max(capacity, 16))
    storage[0] = UInt8(ascii: "{")
    used = 1
  }

  /// Bytes written so far.
  package var byteCount: Int { used }

  package mutating func append(_ element: UnsafeRawBufferPointer) {
    // At worst every byte is escaped; a comma, two quotes, and the brace of `finish`. Of a large one it is counted: room for the
    // worst case would be memory that nobody bounded.
    reserve(element.count + (element.count > Self.large ? Self.specials(in: element) : element.count) + 4)
    let start = used
    let isFirst = count == 0
    used = storage.withUnsafeMutableBytes { target in
      var end = start
      if !isFirst {
        target[end] = UInt8(ascii: ",")
        end += 1
      }
      target[end] = UInt8(ascii: "\"")
      end = Self.escape(element, into: target, at: end + 1)
      target[end] = UInt8(ascii: "\"")
      return end + 1
    }
    count += 1
  }

  package mutating func append(_ element: Span<UInt8>) {
    element.withUnsafeBytes { append($0) }
  }

  package mutating func append(_ element: ArraySlice<UInt8>) {
    element.withUnsafeBytes { append($0) }
  }

  package mutating func append(_ element: [UInt8]) {
    element.withUnsafeBytes { append($0) }
  }

  package mutating func append(_ element: String) {
    var element = element
    element.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  package mutating func append(_ element: some BinaryInteger) {
    appendBare(String(element).utf8)
  }

  package mutating func append(_ element: Bool) {
    appendBare((element ? "t" : "f").utf8)
  }

  package mutating func appendNull() {
    appendBare("NULL".utf8)
  }

  /// The whole literal.
  package consuming func finish() -> [UInt8] {
    reserve(1)
    storage[used] = UInt8(ascii: "}")
    storage.removeLast(storage.count - used - 1)
    return storage
  }

  private mutating func appendBare(_ element: some Collection<UInt8>) {
    reserve(element.count + 2)
    if count > 0 {
      storage[used] = UInt8(ascii: ",")
      used += 1
    }
    for byte in element {
      storage[used] = byte
      used += 1
    }
    count += 1
  }

  private mutating func reserve(_ more: Int) {
    let needed = used + more
    guard needed > storage.count else { return }
    let target = Swift.max(needed, 2 * storage.count)
    storage.reserveCapacity(target)
    storage.append(contentsOf: repeatElement(0, count: target - storage.count))
  }

  /// Copies with a backslash before `"` and `\`. Returns where the next byte goes; `target` has room for twice `source`.
  private static func escape(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
    guard let input = source.baseAddress, let output = target.baseAddress else { return start }
    var read = 0
    var write = start
    let length = source.count
    while read + 8 <= length {
      let word = input.loadUnaligned(fromByteOffset: read, as: UInt64.self)
      if !holdsSpecial(word) {
        output.storeBytes(of: word, toByteOffset: write, as: UInt64.self)
        read += 8
        write += 8
        continue
      }
      for _ in 0..<8 {
        write = copyEscaped(input.load(fromByteOffset: read, as: UInt8.self), to: output, at: write)
        read += 1
      }
    }
    while read < length {
      write = copyEscaped(input.load(fromByteOffset: read, as: UInt8.self), to: output, at: write)
      read += 1
    }
    return write
  }

  /// Without a branch: half the bytes of JSON are near a quote, and a branch that can't be predicted costs more than a store.
  @inline(__always)
  private static func copyEscaped(_ byte: UInt8, to output: UnsafeMutableRawPointer, at offset: Int) -> Int {
    output.storeBytes(of: UInt8(ascii: "\\"), toByteOffset: offset, as: UInt8.self)
    let end = offset + (byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? 1 : 0)
    output.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
    return end + 1
  }

  /// Bytes of an element above which its escapes are counted before room is made.
  private static let large = 64 << 10

  private static func specials(in element: UnsafeRawBufferPointer) -> Int {
    var count = 0
    for byte in element where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { count += 1 }
    // The branchless copy stores one byte ahead.
    return count + 1
  }

  /// Whether one of the eight bytes is `"` (0x22) or `\` (0x5C): "determine if a word has a byte equal to n", Bit Twiddling Hacks.
  @inline(__always)
  private static func holdsSpecial(_ word: UInt64) -> Bool {
    let low: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    let quote = word ^ (low &* 0x22)
    let backslash = word ^ (low &* 0x5C)
    return (((quote &- low) & ~quote) | ((backslash &- low) & ~backslash)) & high != 0
  }
}
