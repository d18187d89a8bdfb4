internal import TidemarkCore

/// The SQL by which one destination takes rows, in its forms. Made once; identifiers are quoted.
struct DestinationStatements: Sendable {
  /// For tables only, where every column is ``types``: one parameter, a value, for each column of one row. `unnest` of arrays of one takes
  /// Postgres three times as long.
  let single: String?
  /// One parameter, an array, for each column.
  let arrays: String
  /// For tables only: rows by COPY, in binary where every column is ``types``, else as text.
  let copy: String?
  /// One parameter, `text[]`, that holds one row.
  let row: String
  /// For each column the type that is sent in binary; nil goes as text.
  let types: [BinaryType?]

  /// Throws ``PostgresError`` for a name that can't be quoted. Types come from our own declarations or the catalog.
  init(_ destination: Destination, schema: String) throws {
    let schema = try PostgresIdentifier.quoted(schema)
    let target = "\(schema).\(try PostgresIdentifier.quoted(destination.name))"
    self.types = destination.columns.map { $0.isTyped ? BinaryType(rawValue: $0.type) : nil }
    let types = destination.columns.map(\.type)
    let arrayParameters = types.enumerated().map { "$\($0 + 1)::\($1)[]" }.joined(separator: ", ")
    let single = types.enumerated().map { "$\($0 + 1)::\($1)" }.joined(separator: ", ")
    let values = types.enumerated().map { "($1::text[])[\($0 + 1)]::\($1)" }.joined(separator: ", ")
    let exactly = try destination.exactly.map { "SELECT \(schema).\(try PostgresIdentifier.quoted($0))(\(values))" }
    switch destination.mode {
    case .append:
      let columns = try destination.columns.map { try PostgresIdentifier.quoted($0.name) }.joined(separator: ", ")
      self.single = self.types.contains(nil) ? nil : "INSERT INTO \(target) (\(columns)) VALUES (\(single))"
      arrays = "INSERT INTO \(target) (\(columns)) SELECT * FROM unnest(\(arrayParameters))"
      copy = "COPY \(target) (\(columns)) FROM STDIN\(self.types.contains(nil) ? "" : " (FORMAT binary)")"
      row = exactly ?? "INSERT INTO \(target) (\(columns)) VALUES (\(values))"
    case .call:
      self.single = nil
      arrays = "SELECT \(target)(\(arrayParameters))"
      copy = nil
      let arraysOfOne = types.enumerated().map { "ARRAY[($1::text[])[\($0 + 1)]]::\($1)[]" }.joined(separator: ", ")
      row = exactly ?? "SELECT \(target)(\(arraysOfOne))"
    }
  }
}
