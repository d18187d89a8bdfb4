/// The shape of a JSON number: its length, and the number of digits that its value needs.
package struct NumberScan: Sendable, Equatable {
  /// The number of bytes that the number takes.
  package var length = 0
  /// The decimal exponent of the first digit that is not zero: 0 for 1...9, 2 for 100, -1 for 0.1. It is nil for zero.
  package var magnitude: Int?
  /// The number of digits behind the decimal point that the value needs, as it was written.
  package var fractionDigits = 0
  package var isInteger = true
  /// The exponent as it was written, at most two thousand millions.
  private var exponent = 0
  /// The largest exponent that numeric_in accepts, for zero, too (`INT_MAX / 2`, numeric.c).
  private static let exponentLimit = 1_073_741_823

  /// Scans the JSON number with which `bytes` begin. Returns nil when they do not begin with a number.
  package init?(prefixOf bytes: UnsafeBufferPointer<UInt8>) {
    var at = 0
    func digit() -> UInt8? {
      guard at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 else { return nil }
      return bytes[at] - 0x30
    }
    if at < bytes.count, bytes[at] == UInt8(ascii: "-") { at += 1 }
    guard let first = digit() else { return nil }
    let integerStart = at
    while digit() != nil { at += 1 }
    let integerDigits = at - integerStart
    guard first != 0 || integerDigits == 1 else { return nil }
    var leading: Int? = first == 0 ? nil : integerDigits - 1
    var fraction = 0
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      isInteger = false
      at += 1
      while let next = digit() {
        fraction += 1
        if leading == nil, next != 0 { leading = -fraction }
        at += 1
      }
      guard fraction > 0 else { return nil }
    }
    var exponent = 0
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      at += 1
      var isNegative = false
      if at < bytes.count, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
        isNegative = bytes[at] == UInt8(ascii: "-")
        at += 1
      }
      guard digit() != nil else { return nil }
      while let next = digit() {
        // An exponent beyond this is far more than any type can hold, so further digits change nothing.
        exponent = min(exponent * 10 + Int(next), 2_000_000_000)
        at += 1
      }
      if isNegative { exponent = -exponent }
    }
    length = at
    self.exponent = exponent
    magnitude = leading.map { $0 + exponent }
    fractionDigits = max(0, fraction - exponent)
  }

  /// The number of bytes, without the sign, that numeric prints for the number: `1e3` comes back as `1000`.
  package var printedLength: Int {
    max(1, (magnitude ?? 0) + 1) + (fractionDigits > 0 ? 1 + fractionDigits : 0)
  }

  package func fitsNumeric(maxIntegerDigits: Int, maxFractionDigits: Int) -> Bool {
    (magnitude ?? 0) < maxIntegerDigits && fractionDigits <= maxFractionDigits && abs(exponent) < Self.exponentLimit
  }
}
