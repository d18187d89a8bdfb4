/// A value of a row: a number, or a reference to bytes. It takes 16 bytes and no allocation of its own.
package enum Cell: Sendable, Equatable {
  case null
  /// Bytes of one of the batch's blocks.
  case read(block: Int32, start: UInt32, length: UInt32)
  /// Bytes that the batch holds itself, made from what was read.
  case made(start: Int, length: UInt32)
  /// One of the batch's sessions, by index.
  case session(Int32)
  case integer(Int64)
  /// A time in Unix milliseconds.
  case time(Int64)
  case boolean(Bool)

  /// The kind of a typed column's values. Postgres needs no parsing for a cell of the matching kind.
  package enum Kind: Sendable, Equatable {
    case bytes, integer, shortInteger, time, boolean

    /// Creates the kind for a Postgres type. Returns nil for types that only Postgres' own input function can read.
    package init?(type: String) {
      switch type {
      case "text", "jsonb": self = .bytes
      case "bigint": self = .integer
      case "integer": self = .shortInteger
      case "timestamptz": self = .time
      case "boolean": self = .boolean
      default: return nil
      }
    }
  }
}
