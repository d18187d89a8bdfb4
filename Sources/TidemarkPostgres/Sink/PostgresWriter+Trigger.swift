internal import TidemarkCore

/// Says which trigger an error came from, so that nobody looks for the fault in Tidemark's own schema.
extension PostgresWriter {
  /// The error of a transaction that is rolled back, with the trigger that it came from.
  func explained(_ error: SinkError, from cause: PostgresError) async -> SinkError {
    guard case .server = cause.kind, case .fault = error.kind,
      let function = TriggerFault.function(in: cause.context, outside: settings.schema)
    else { return error }
    var explained = error
    explained.description += " (in \(ForeignText.line(function)))"
    explained.hint = ForeignText.line(TriggerFault.hint(function: function, trigger: await trigger(calling: function)))
    return explained
  }

  /// The first trigger that calls a function; nil where there is none, as of one that is called by another function, or where the server does not say.
  private func trigger(calling function: String) async -> (name: String, table: String)? {
    let result = try? await connection.query(
      """
      SELECT t.tgname, c.relname
        FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_proc p ON p.oid = t.tgfoid
        JOIN pg_namespace f ON f.oid = p.pronamespace
       WHERE n.nspname = $1 AND NOT t.tgisinternal AND quote_ident(f.nspname) || '.' || quote_ident(p.proname) = $2
       ORDER BY c.relname, t.tgname LIMIT 1
      """, [.string(settings.schema), .string(String(function.prefix { $0 != "(" }))], deadline: settings.queryDeadline)
    guard let result, let name = result.string(0, "tgname"), let table = result.string(0, "relname") else { return nil }
    return (name, table)
  }
}
