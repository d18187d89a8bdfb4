/// Checks a value against the rule of its field.
enum FieldCheck {
  /// Returns false when the value means the same as no value (a flag that is 0). Throws a ``Rejection`` when the value breaks its rule.
  static func keeps(
    _ value: Range<Int>, of rule: FieldRule, in bytes: UnsafeBufferPointer<UInt8>, room: inout NumberRoom, escapes: inout UnstorableEscapes
  ) throws(Rejection) -> Bool {
    if let limit = rule.maxLength { try EntryDecoder.checkName(value, rule.name, limit) }
    switch rule.kind {
    case .text: return true
    case .json, .jsonArray:
      if let problem = JSONCheck.problem(
        in: UnsafeBufferPointer(rebasing: bytes[value]), wantsArray: rule.kind == .jsonArray, room: &room, escapes: &escapes)
      {
        throw Rejection(.badJSON, "the field \(rule.name) \(problem)")
      }
      return true
    case .integer:
      _ = try EntryDecoder.integer(bytes, value, rule.name)
      return true
    case .decimal:
      guard let scan = scan(bytes, value),
        scan.fitsNumeric(maxIntegerDigits: JSONCheck.maxIntegerDigits, maxFractionDigits: JSONCheck.maxFractionDigits)
      else { throw Rejection(.badNumber, "the field \(rule.name) is not a decimal") }
      return true
    case .number:
      guard let scan = scan(bytes, value), let number = Double(String(decoding: bytes[value], as: UTF8.self)), number.isFinite,
        // Postgres refuses a number that is too small for a double; Swift makes it 0.
        number != 0 || scan.magnitude == nil
      else { throw Rejection(.badNumber, "the field \(rule.name) is not a finite number that double precision can hold") }
      return true
    case .flag: return try EntryDecoder.flag(bytes, value, rule.name)
    case .choice(let choices):
      guard choices.contains(where: { ByteOrder.isEqual(bytes, value, $0) }) else {
        throw Rejection(.invalidField, "the field \(rule.name) is none of \(choices.joined(separator: ", "))")
      }
      return true
    }
  }

  /// Returns the scan of the number, or nil when the value is not one number as a whole.
  private static func scan(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Range<Int>) -> NumberScan? {
    NumberScan(prefixOf: UnsafeBufferPointer(rebasing: bytes[value])).flatMap { $0.length == value.count ? $0 : nil }
  }

  /// Returns a decimal integer of 64 bits, with an optional minus. Returns nil for anything else.
  static func integer(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Range<Int>) -> Int64? {
    var rest = bytes[value]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative { rest = rest.dropFirst() }
    guard !rest.isEmpty else { return nil }
    var number: Int64 = 0
    for byte in rest {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      let (product, overflowed) = number.multipliedReportingOverflow(by: 10)
      let digit = Int64(byte - 0x30)
      let (sum, overflowedAgain) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      guard !overflowed, !overflowedAgain else { return nil }
      number = sum
    }
    return number
  }
}
