/// One word of a command.
package enum RedisArgument: Sendable, Hashable {
  case text(String)
  case bytes([UInt8])
  case integer(Int64)
}

extension RedisArgument: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
}
