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
