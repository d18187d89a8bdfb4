/// A value of a row: a number, or bytes that lie where they were read. 16 bytes, without an allocation of its own.
package enum Cell: Sendable, Equatable {
  case null
  /// Bytes of one of the batch's blocks.
  case read(block: Int32, start: UInt32, length: UInt32)
  /// Bytes of the batch's own: what was made of what was read.
  case made(start: Int, length: UInt32)
  /// One of the batch's sessions, by index.
  case session(Int32)
  case integer(Int64)
  /// Unix milliseconds.
  case time(Int64)
  case boolean(Bool)

  /// What a column of a typed row holds; a cell of that kind needs no parsing by Postgres.
  package enum Kind: Sendable, Equatable {
    case bytes, integer, shortInteger, time, boolean

    /// The kind of a Postgres type. Nil for types that only Postgres' own input function reads.
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
