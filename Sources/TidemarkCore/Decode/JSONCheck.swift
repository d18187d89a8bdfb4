/// Checks whether bytes are one JSON value that Postgres' jsonb accepts.
///
/// The rules are RFC 8259, and what jsonb refuses beyond it: `\u0000`, lone surrogates, numbers that numeric can't hold, deep nesting. The
/// check also refuses values that jsonb accepts but that can't be read again: numbers whose digits, written out, are far longer than the
/// value. It does not recurse, so that a hostile value can't exhaust the stack. The bytes must be known to be valid UTF-8.
package struct JSONCheck {
  /// The most levels of arrays and objects that a value may have. Postgres' own parser recurses and gives up at a depth that depends on the
  /// server's stack; this limit is well below the depth that the default stack allows.
  package static let maxDepth = 1_000
  /// The most digits of a numeric before the decimal point, and after it (PostgreSQL, "Numeric Types").
  static let maxIntegerDigits = 131_072
  static let maxFractionDigits = 16_383

  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0
  /// For each open level, whether it is an object.
  private var objects: [Bool] = []
  private var room: NumberRoom
  private var escapes: UnstorableEscapes

  private init(_ bytes: UnsafeBufferPointer<UInt8>, _ room: NumberRoom, _ escapes: UnstorableEscapes) {
    self.bytes = bytes
    self.room = room
    self.escapes = escapes
  }

  /// Returns what is wrong and at which byte, or nil when jsonb will accept the value.
  ///
  /// - Parameters:
  ///   - room: the bytes that are left for the numbers of the entry to which the value belongs.
  ///   - escapes: decides whether escapes that jsonb can't hold are refused or will be replaced, and records whether there were any.
  package static func problem(
    in bytes: UnsafeBufferPointer<UInt8>, wantsArray: Bool = false, room: inout NumberRoom, escapes: inout UnstorableEscapes
  ) -> String? {
    var check = JSONCheck(bytes, room, escapes)
    defer { (room, escapes) = (check.room, check.escapes) }
    do throws(Problem) {
      check.skipSpace()
      if wantsArray, check.peek != UInt8(ascii: "[") { throw Problem("is not an array") }
      try check.document()
      return nil
    } catch {
      return error.text.isEmpty ? "is not JSON at byte \(check.at)" : "\(error.text) at byte \(check.at)"
    }
  }

  private struct Problem: Error {
    var text: String
    init(_ text: String = "") { self.text = text }
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x09, 0x0A, 0x0D: at += 1
      default: return
      }
    }
  }

  private mutating func document() throws(Problem) {
    try value()
    while let isObject = objects.last {
      skipSpace()
      guard let next = peek else { throw Problem() }
      switch (next, isObject) {
      case (UInt8(ascii: ","), false):
        at += 1
        try value()
      case (UInt8(ascii: ","), true):
        at += 1
        try member()
      case (UInt8(ascii: "]"), false), (UInt8(ascii: "}"), true):
        at += 1
        objects.removeLast()
      default: throw Problem()
      }
    }
    skipSpace()
    guard at == bytes.count else { throw Problem() }
  }

  /// Reads a scalar, or the opening of arrays and objects down to their first scalar.
  private mutating func value() throws(Problem) {
    while true {
      skipSpace()
      guard let first = peek else { throw Problem() }
      switch first {
      case UInt8(ascii: "["):
        try open(object: false)
        skipSpace()
        guard peek == UInt8(ascii: "]") else { continue }
        at += 1
        objects.removeLast()
        return
      case UInt8(ascii: "{"):
        try open(object: true)
        skipSpace()
        if peek == UInt8(ascii: "}") {
          at += 1
          objects.removeLast()
          return
        }
        try name()
        continue
      case UInt8(ascii: "\""): return try string()
      case UInt8(ascii: "t"): return try literal("true")
      case UInt8(ascii: "f"): return try literal("false")
      case UInt8(ascii: "n"): return try literal("null")
      default: return try number()
      }
    }
  }

  private mutating func open(object: Bool) throws(Problem) {
    guard objects.count < Self.maxDepth else { throw Problem("is nested more than \(Self.maxDepth) deep") }
    objects.append(object)
    at += 1
  }

  private mutating func member() throws(Problem) {
    try name()
    try value()
  }

  private mutating func name() throws(Problem) {
    skipSpace()
    guard peek == UInt8(ascii: "\"") else { throw Problem() }
    try string()
    skipSpace()
    guard peek == UInt8(ascii: ":") else { throw Problem() }
    at += 1
  }

  private mutating func literal(_ text: StaticString) throws(Problem) {
    for offset in 0..<text.utf8CodeUnitCount {
      guard at < bytes.count, bytes[at] == text.utf8Start[offset] else { throw Problem() }
      at += 1
    }
  }

  private mutating func string() throws(Problem) {
    at += 1
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        at += 1
        return
      }
      if byte < 0x20 { throw Problem("has a control character in a string") }
      if byte == UInt8(ascii: "\\") { try escape() } else { at += 1 }
    }
    throw Problem()
  }

  private mutating func escape() throws(Problem) {
    switch JSONEscape(at: at, in: bytes) {
    case nil: throw Problem()
    case .character(let length): at += length
    case .nul:
      guard escapes.accept() else { throw Problem("has \\u0000, which jsonb can't hold,") }
      at += 6
    case .loneSurrogate:
      guard escapes.accept() else { throw Problem("has a lone surrogate") }
      at += 6
    }
  }

  private mutating func number() throws(Problem) {
    let rest = UnsafeBufferPointer(rebasing: bytes[at...])
    guard let scan = NumberScan(prefixOf: rest) else { throw Problem() }
    at += scan.length
    guard scan.fitsNumeric(maxIntegerDigits: Self.maxIntegerDigits, maxFractionDigits: Self.maxFractionDigits) else {
      throw Problem("has a number that numeric can't hold")
    }
    guard room.take(scan.printedLength) else {
      throw Problem("has numbers that take more than \(room.limit) bytes when their digits are written out")
    }
  }
}
