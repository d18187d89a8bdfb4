/// A reply of Redis as a value. An error of the server is a value too; the caller decides whether it is a failure.
package enum RedisReply: Sendable, Hashable {
  case status(String)
  case error(String)
  case integer(Int64)
  case bulk([UInt8])
  case array([RedisReply])
  case null

  /// The text of a bulk or status reply; nil for all others and for bytes that are not UTF-8.
  package var text: String? {
    switch self {
    case .status(let text): text
    case .bulk(let bytes): String(validating: bytes, as: UTF8.self)
    default: nil
    }
  }

  /// The number of an integer reply, or of a bulk that contains an integer.
  package var number: Int64? {
    switch self {
    case .integer(let value): value
    default: text.flatMap { Int64($0) }
    }
  }

  package var elements: [RedisReply]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// Returns the value after `name` in a flat list of names and values, such as the reply to `XINFO`.
  package subscript(name: String) -> RedisReply? {
    guard let elements else { return nil }
    for index in stride(from: 0, to: elements.count - 1, by: 2) where elements[index].text == name {
      return elements[index + 1]
    }
    return nil
  }

  /// Returns the Unix milliseconds of a reply to `TIME`.
  func clockMilliseconds() throws(RedisError) -> UInt64 {
    guard let parts = try orThrow().elements, parts.count == 2, let seconds = parts[0].number, let micros = parts[1].number else {
      throw RedisError(.malformedReply, "the reply to TIME is not two numbers")
    }
    return UInt64(max(0, seconds)) * 1000 + UInt64(max(0, micros)) / 1000
  }

  /// Returns the reply; throws if it is an error of the server.
  package func orThrow(file: String = #fileID, line: Int = #line) throws(RedisError) -> RedisReply {
    if case .error(let message) = self { throw RedisError(.server, message, file: file, line: line) }
    return self
  }
}

extension [RedisReply] {
  /// Throws the first error if every reply is one: then the server refuses the command, and not one key.
  func throwIfAllFailed() throws(RedisError) {
    if let first, allSatisfy({ if case .error = $0 { true } else { false } }) { _ = try first.orThrow() }
  }
}
