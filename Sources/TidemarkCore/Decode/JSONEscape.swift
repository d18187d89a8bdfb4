/// A backslash and the characters that belong to it in a JSON string.
enum JSONEscape: Equatable {
  /// One character, written in `length` bytes.
  case character(length: Int)
  /// `\u0000`: six bytes that jsonb can't hold.
  case nul
  /// Half of a surrogate pair without the other half: six bytes that jsonb can't hold.
  case loneSurrogate

  /// Reads the escape at `place`, where a backslash stands. Returns nil where JSON has no such escape.
  init?(at place: Int, in bytes: UnsafeBufferPointer<UInt8>) {
    guard place + 1 < bytes.count else { return nil }
    switch bytes[place + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
      UInt8(ascii: "r"), UInt8(ascii: "t"):
      self = .character(length: 2)
    case UInt8(ascii: "u"):
      guard let unit = Self.unit(at: place, in: bytes) else { return nil }
      switch unit {
      case 0: self = .nul
      case 0xD800...0xDBFF:
        let low = Self.unit(at: place + 6, in: bytes).map { (0xDC00...0xDFFF).contains($0) } ?? false
        self = low ? .character(length: 12) : .loneSurrogate
      case 0xDC00...0xDFFF: self = .loneSurrogate
      default: self = .character(length: 6)
      }
    default: return nil
    }
  }

  /// Returns the number of a `\uXXXX` at `place`, or nil where there is none.
  private static func unit(at place: Int, in bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
    guard place + 6 <= bytes.count, bytes[place] == UInt8(ascii: "\\"), bytes[place + 1] == UInt8(ascii: "u") else { return nil }
    var unit: UInt32 = 0
    for offset in 2..<6 {
      guard let digit = Hex.value(of: bytes[place + offset]) else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }
}
