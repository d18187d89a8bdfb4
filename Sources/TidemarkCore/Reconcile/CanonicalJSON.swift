/// A JSON value in the one form in which two texts of the same value are equal, as two values of Postgres' jsonb are.
///
/// Object members are compared by their names, of which the last counts; numbers by their value, whatever their digits. What jsonb can't hold is
/// read as the worker replaces it: `\u0000` and halves of surrogate pairs as U+FFFD.
enum CanonicalJSON: Equatable, Sendable {
  case null
  case boolean(Bool)
  /// The digits without zeros at either end, and the power of ten of the last one.
  case number(isNegative: Bool, digits: [UInt8], exponent: Int)
  case string([UInt8])
  case array([CanonicalJSON])
  case object([[UInt8]: CanonicalJSON])

  /// Returns nil for a text that is not one JSON value, and for one with more levels than a worker accepts.
  init?(_ text: String) {
    var bytes = Array(text.utf8)
    let value: CanonicalJSON? = bytes.withUnsafeMutableBufferPointer { buffer in
      var reader = Reader(bytes: UnsafeBufferPointer(buffer))
      return try? reader.document()
    }
    guard let value else { return nil }
    self = value
  }

  private struct Malformed: Error {}

  private struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    var place = 0
    var depth = 0

    mutating func document() throws -> CanonicalJSON {
      let value = try value()
      skipSpace()
      guard place == bytes.count else { throw Malformed() }
      return value
    }

    private mutating func value() throws -> CanonicalJSON {
      skipSpace()
      guard place < bytes.count else { throw Malformed() }
      switch bytes[place] {
      case UInt8(ascii: "{"): return try nested { .object(try $0.members()) }
      case UInt8(ascii: "["): return try nested { .array(try $0.elements()) }
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"): return try word("true", .boolean(true))
      case UInt8(ascii: "f"): return try word("false", .boolean(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      default: return try number()
      }
    }

    private mutating func nested(_ body: (inout Reader) throws -> CanonicalJSON) throws -> CanonicalJSON {
      guard depth < JSONCheck.maxDepth else { throw Malformed() }
      depth += 1
      place += 1
      defer { depth -= 1 }
      return try body(&self)
    }

    private mutating func members() throws -> [[UInt8]: CanonicalJSON] {
      var members: [[UInt8]: CanonicalJSON] = [:]
      if takes("}") { return members }
      repeat {
        skipSpace()
        let name = try string()
        guard takes(":") else { throw Malformed() }
        members[name] = try value()
      } while takes(",")
      guard takes("}") else { throw Malformed() }
      return members
    }

    private mutating func elements() throws -> [CanonicalJSON] {
      var elements: [CanonicalJSON] = []
      if takes("]") { return elements }
      repeat { elements.append(try value()) } while takes(",")
      guard takes("]") else { throw Malformed() }
      return elements
    }

    private mutating func word(_ word: StaticString, _ value: CanonicalJSON) throws -> CanonicalJSON {
      guard bytes[place...].starts(with: word.description.utf8) else { throw Malformed() }
      place += word.utf8CodeUnitCount
      return value
    }

    private mutating func number() throws -> CanonicalJSON {
      let isNegative = bytes[place] == UInt8(ascii: "-")
      if isNegative { place += 1 }
      var digits = try digits()
      var exponent = 0
      if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
        place += 1
        let fraction = try self.digits()
        digits += fraction
        exponent = -fraction.count
      }
      if place < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
        place += 1
        var sign = 1
        if place < bytes.count, bytes[place] == UInt8(ascii: "-") || bytes[place] == UInt8(ascii: "+") {
          sign = bytes[place] == UInt8(ascii: "-") ? -1 : 1
          place += 1
        }
        guard let power = Int(String(decoding: try self.digits().map { $0 + 0x30 }, as: UTF8.self)), power < 1 << 40 else {
          throw Malformed()
        }
        exponent += sign * power
      }
      while digits.last == 0 {
        digits.removeLast()
        exponent += 1
      }
      let significant = Array(digits.drop { $0 == 0 })
      if significant.isEmpty { return .number(isNegative: false, digits: [], exponent: 0) }
      return .number(isNegative: isNegative, digits: significant, exponent: exponent)
    }

    private mutating func digits() throws -> [UInt8] {
      let start = place
      while place < bytes.count, (0x30...0x39).contains(bytes[place]) { place += 1 }
      guard place > start else { throw Malformed() }
      return bytes[start..<place].map { $0 - 0x30 }
    }

    private mutating func string() throws -> [UInt8] {
      guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { throw Malformed() }
      place += 1
      var text: [UInt8] = []
      while place < bytes.count {
        switch bytes[place] {
        case UInt8(ascii: "\""):
          place += 1
          return text
        case UInt8(ascii: "\\"): try escape(into: &text)
        case let byte:
          text.append(byte)
          place += 1
        }
      }
      throw Malformed()
    }

    private mutating func escape(into text: inout [UInt8]) throws {
      guard let escape = JSONEscape(at: place, in: bytes) else { throw Malformed() }
      switch escape {
      case .nul, .loneSurrogate:
        text += "\u{FFFD}".utf8
        place += 6
      case .character(let length):
        if length == 2 { text.append(Self.character(bytes[place + 1])) } else { text += scalar(length) }
        place += length
      }
    }

    private static func character(_ letter: UInt8) -> UInt8 {
      switch letter {
      case UInt8(ascii: "b"): 8
      case UInt8(ascii: "f"): 12
      case UInt8(ascii: "n"): 10
      case UInt8(ascii: "r"): 13
      case UInt8(ascii: "t"): 9
      default: letter
      }
    }

    /// The bytes of a `\uXXXX`, or of the two of a surrogate pair.
    private func scalar(_ length: Int) -> [UInt8] {
      func unit(_ start: Int) -> UInt32 { (2..<6).reduce(0) { $0 << 4 | UInt32(Hex.value(of: bytes[start + $1]) ?? 0) } }
      let first = unit(place)
      let number = length == 12 ? 0x10000 + (first - 0xD800) << 10 + (unit(place + 6) - 0xDC00) : first
      return Array(String(Unicode.Scalar(number) ?? "\u{FFFD}").utf8)
    }

    private mutating func takes(_ character: Unicode.Scalar) -> Bool {
      skipSpace()
      guard place < bytes.count, bytes[place] == UInt8(ascii: character) else { return false }
      place += 1
      return true
    }

    private mutating func skipSpace() {
      while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { place += 1 }
    }
  }
}
