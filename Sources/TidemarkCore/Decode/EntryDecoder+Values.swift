/// Checks and reads single values of an entry.
extension EntryDecoder {
  static func flag(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Range<Int>, _ name: String) throws(Rejection) -> Bool {
    guard value.count == 1, let digit = bytes[value].first, digit == UInt8(ascii: "0") || digit == UInt8(ascii: "1") else {
      throw Rejection(.invalidField, "the field \(name) is neither 1 nor 0")
    }
    return digit == UInt8(ascii: "1")
  }

  static func integer(
    _ bytes: UnsafeBufferPointer<UInt8>, _ value: Range<Int>, _ name: String, within: ClosedRange<Int64> = Int64.min...Int64.max
  ) throws(Rejection) -> Int64 {
    guard let number = FieldCheck.integer(bytes, value) else {
      throw Rejection(.badNumber, "the field \(name) is not an integer of 64 bits")
    }
    guard within.contains(number) else { throw Rejection(.badNumber, "the field \(name) is out of range") }
    return number
  }

  static func checkLength(_ value: Range<Int>, _ name: String, _ limit: Int) throws(Rejection) {
    guard value.count <= limit else {
      throw Rejection(.tooLong, "the field \(name) has \(value.count) bytes, \(limit) are allowed")
    }
  }

  /// Checks a name or an id: it must not be empty or exceed its limit.
  static func checkName(_ value: Range<Int>, _ name: String, _ limit: Int = ChangeCatalog.nameLimit) throws(Rejection) {
    guard !value.isEmpty else { throw Rejection(.invalidField, "the field \(name) is empty") }
    try checkLength(value, name, limit)
  }

  /// Returns the session that an entry names, whatever else the entry holds. The result is empty where the entry names no session or
  /// several, and where the session is too long or not UTF-8.
  static func session(of fields: UnsafeBufferPointer<EntryBlock.Field>, _ bytes: UnsafeBufferPointer<UInt8>) -> Range<Int> {
    var session: Range<Int>?
    for field in fields where FieldNames.envelopeSlot(bytes, field.name) == .session {
      guard session == nil else { return 0..<0 }
      session = field.value
    }
    guard let session, session.count <= ChangeCatalog.sessionLimit, TextCheck.isUTF8(bytes, session) else { return 0..<0 }
    return session
  }
}
