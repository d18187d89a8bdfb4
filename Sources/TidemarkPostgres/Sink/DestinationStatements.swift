internal import TidemarkCore

/// The SQL by which one destination takes rows, in its three forms. Made once; identifiers are quoted.
struct DestinationStatements: Sendable {
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
    let values = types.enumerated().map { "($1)[\($0 + 1)]::\($1)" }.joined(separator: ", ")
    let exactly = try destination.exactly.map { "SELECT \(schema).\(try PostgresIdentifier.quoted($0))(\(values))" }
    switch destination.mode {
    case .append:
      let columns = try destination.columns.map { try PostgresIdentifier.quoted($0.name) }.joined(separator: ", ")
      arrays = "INSERT INTO \(target) (\(columns)) SELECT * FROM unnest(\(arrayParameters))"
      copy = "COPY \(target) (\(columns)) FROM STDIN\(self.types.contains(nil) ? "" : " (FORMAT binary)")"
      row = exactly ?? "INSERT INTO \(target) (\(columns)) VALUES (\(values))"
    case .call:
      arrays = "SELECT \(target)(\(arrayParameters))"
      copy = nil
      let arraysOfOne = types.enumerated().map { "ARRAY[($1)[\($0 + 1)]]::\($1)[]" }.joined(separator: ", ")
      row = exactly ?? "SELECT \(target)(\(arraysOfOne))"
    }
  }
}
