/// A parameter of a statement.
package enum PostgresValue: Sendable, Equatable {
  case null
  /// The type's text form; the server infers the type from the statement. A NUL in it fails as the server would, with 22021.
  case text([UInt8])
  /// The type's binary form, with the type's OID.
  case binary([UInt8], oid: UInt32)

  package static func string(_ value: String) -> PostgresValue { .text(Array(value.utf8)) }
  package static func string(_ value: String?) -> PostgresValue { value.map { .string($0) } ?? .null }
  package static func integer(_ value: Int64) -> PostgresValue { .text(Array(String(value).utf8)) }
  package static func integer(_ value: Int64?) -> PostgresValue { value.map { .integer($0) } ?? .null }
  package static func bool(_ value: Bool) -> PostgresValue { .text([value ? UInt8(ascii: "t") : UInt8(ascii: "f")]) }

  /// Raw bytes for a `bytea` parameter.
  package static func bytea(_ bytes: [UInt8]) -> PostgresValue { .binary(bytes, oid: 17) }

  /// An array whose elements are given in the text form of their type: `text[]`, `jsonb[]`, `timestamptz[]`...
  package static func textArray(_ elements: some Sequence<[UInt8]?>) -> PostgresValue {
    var literal = ArrayLiteral()
    for element in elements {
      if let element { literal.append(element) } else { literal.appendNull() }
    }
    return .text(literal.finish())
  }

  package static func textArray(strings: some Sequence<String?>) -> PostgresValue {
    var literal = ArrayLiteral()
    for string in strings {
      if let string { literal.append(string) } else { literal.appendNull() }
    }
    return .text(literal.finish())
  }

  /// A `bytea[]` in binary form: each byte once, however many there are. The layout is that of array_recv (arrayfuncs.c).
  package static func byteaArray(_ elements: [ArraySlice<UInt8>]) -> PostgresValue {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(elements.reduce(20) { $0 + $1.count + 4 })
    func append(_ number: Int) { withUnsafeBytes(of: Int32(number).bigEndian) { bytes.append(contentsOf: $0) } }
    // Dimensions, whether there are nulls, the elements' type; then length and lower bound of the one dimension.
    for number in elements.isEmpty ? [0, 0, 17] : [1, 0, 17, elements.count, 1] { append(number) }
    for element in elements {
      append(element.count)
      bytes.append(contentsOf: element)
    }
    return .binary(bytes, oid: 1001)
  }

  package static func integerArray(_ elements: [Int64?]) -> PostgresValue {
    var literal = ArrayLiteral(capacity: elements.count * 8)
    for element in elements {
      if let element { literal.append(element) } else { literal.appendNull() }
    }
    return .text(literal.finish())
  }

  var oid: UInt32 {
    if case .binary(_, let oid) = self { return oid }
    return 0
  }
}

extension PostgresValue: ExpressibleByStringLiteral {
  package init(stringLiteral value: String) {
    self = .string(value)
  }
}

/// A statement of a pipeline.
package struct PostgresStatement: Sendable {
  package var sql: String
  /// Names the statement for preparation: parsed once per connection under this name. One name stands for one text.
  package var name: String?
  package var parameters: [PostgresValue]

  package init(sql: String, name: String? = nil, parameters: [PostgresValue] = []) {
    self.sql = sql
    self.name = name
    self.parameters = parameters
  }
}
