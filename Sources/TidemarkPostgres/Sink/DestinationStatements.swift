internal import TidemarkCore

/// The SQL by which one destination takes rows, in its three forms. Made once; identifiers are quoted.
struct DestinationStatements: Sendable {
  /// One parameter, an array, for each column.
  let arrays: String
  /// For tables only: rows as COPY text.
  let copy: String?
  /// One parameter, `text[]`, that holds one row.
  let row: String

  /// Throws ``PostgresError`` for a name that can't be quoted. Types come from our own declarations or the catalog.
  init(_ destination: Destination, schema: String) throws {
    let target = "\(try PostgresIdentifier.quoted(schema)).\(try PostgresIdentifier.quoted(destination.name))"
    let types = destination.columns.map(\.type)
    let arrayParameters = types.enumerated().map { "$\($0 + 1)::\($1)[]" }.joined(separator: ", ")
    switch destination.mode {
    case .append:
      let columns = try destination.columns.map { try PostgresIdentifier.quoted($0.name) }.joined(separator: ", ")
      arrays = "INSERT INTO \(target) (\(columns)) SELECT * FROM unnest(\(arrayParameters))"
      copy = "COPY \(target) (\(columns)) FROM STDIN"
      let values = types.enumerated().map { "($1)[\($0 + 1)]::\($1)" }.joined(separator: ", ")
      row = "INSERT INTO \(target) (\(columns)) VALUES (\(values))"
    case .call:
      arrays = "SELECT \(target)(\(arrayParameters))"
      copy = nil
      let values = types.enumerated().map { "ARRAY[($1)[\($0 + 1)]]::\($1)[]" }.joined(separator: ", ")
      row = "SELECT \(target)(\(values))"
    }
  }
}
