/// The table or function to which rows are written, in the schema of the installation.
package struct Destination: Sendable, Equatable {
  package struct Column: Sendable, Equatable {
    package var name: String
    /// The type in Postgres, whose own input function reads the text.
    package var type: String
    /// Whether all cells that the routes make for the column are of the kind of its type, so that they can be sent in binary.
    package internal(set) var isTyped = false
    /// Whether all routes fill the column with the number of the entry's lane.
    package internal(set) var isLaneID = false

    package init(_ name: String, _ type: String = "text") {
      self.name = name
      self.type = type
    }
  }

  package enum Mode: Sendable, Equatable {
    /// Rows are added to a table of this name.
    case append
    /// A function of this name takes an array for each column, and decides by position.
    case call
  }

  /// The way in which several rows with one key are reduced to fewer.
  package enum Coalescing: Sendable, Equatable {
    /// Only the first or the last row matters: the others would be overwritten anyway.
    case keepFirst, keepLast
    /// A row that fills only columns behind those of the row before it continues that row: both are sent as one.
    case join
  }

  package var name: String
  package var mode: Mode
  package var columns: [Column]
  /// The number of key columns by which rows are sorted, so that writers never deadlock and indexes are hit in order.
  package var keyColumns: Int
  package var coalescing: Coalescing?
  /// Whether one committed row a key is enough for ever. A writer that knows of it sends no other.
  package var isOncePerKey: Bool
  /// The function that takes a row on the exact path, one value for each column. On that path a late row must find its place among the
  /// others.
  package var exactly: String?

  package init(
    _ name: String, _ mode: Mode, key: Int, coalescing: Coalescing? = nil, oncePerKey: Bool = false, exactly: String? = nil,
    _ columns: [Column]
  ) {
    self.name = name
    self.mode = mode
    self.columns = columns
    self.keyColumns = key
    self.coalescing = coalescing
    self.isOncePerKey = oncePerKey
    self.exactly = exactly
  }
}
