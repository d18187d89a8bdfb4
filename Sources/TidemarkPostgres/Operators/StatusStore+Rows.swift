extension StatusStore {
  /// Returns the number of rows of each of these tables, for the owner of a small schema: the server reads every row.
  package func rowCounts(of tables: [String]) async throws -> [(table: String, rows: Int64)] {
    let counts = tables.map { "(SELECT count(*) FROM \(quotedSchema).\($0)) AS \($0)" }
    let result = try await sink.query("SELECT " + counts.joined(separator: ", "))
    return tables.map { ($0, result.int64(0, $0) ?? 0) }
  }
}
