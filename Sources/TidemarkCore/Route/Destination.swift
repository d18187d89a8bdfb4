/// What rows are written to, in the schema of the installation.
package struct Destination: Sendable, Equatable {
  package struct Column: Sendable, Equatable {
    package var name: String
    /// The type in Postgres; its own input function reads the text.
    package var type: String

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

  /// Which of the rows with one key matter, where the others would be overwritten anyway.
  package enum Coalescing: Sendable, Equatable {
    case keepFirst, keepLast
  }

  package var name: String
  package var mode: Mode
  package var columns: [Column]
  /// The first columns of the key by which rows are sorted, so that writers never deadlock and indexes are hit in order.
  package var keyColumns: Int
  package var coalescing: Coalescing?

  package init(_ name: String, _ mode: Mode, key: Int, coalescing: Coalescing? = nil, _ columns: [Column]) {
    self.name = name
    self.mode = mode
    self.columns = columns
    self.keyColumns = key
    self.coalescing = coalescing
  }
}
