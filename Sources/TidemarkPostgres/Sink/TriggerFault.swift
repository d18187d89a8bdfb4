/// Finds out whether an error came from a function of somebody else's that a trigger on Tidemark's tables calls.
enum TriggerFault {
  /// The innermost function that is not one of the schema's, as the server writes it: `public.audit()`. Nil where there is none.
  ///
  /// - Parameters:
  ///   - context: the server's CONTEXT, innermost first. Its words follow `lc_messages`; the names, and that a line of a procedural language
  ///     begins with the language's, do not.
  ///   - schema: Tidemark's own.
  static func function(in context: String?, outside schema: String) -> String? {
    // As the server writes it where it needs quotes, and where it does not.
    let own = [schema, "\"\(schema.replacing("\"", with: "\"\""))\""]
    for line in (context ?? "").split(separator: "\n") where line.hasPrefix("PL/") || line.hasPrefix("SQL function \"") {
      guard let match = line.firstMatch(of: #/(?:"(?<quoted>[^"]+)" (?:statement|line)|(?<plain>[^\s()]+\([^()]*\)))/#) else { continue }
      let name = match.plain ?? match.quoted ?? ""
      if !own.contains(where: { name.hasPrefix($0 + ".") }) { return String(name) }
    }
    return nil
  }

  /// What is said of it beside the error.
  static func hint(function: String, trigger: (name: String, table: String)?) -> String {
    let subject = trigger.map { "the trigger \($0.name) on \($0.table) calls \(function)" } ?? "a trigger calls \(function)"
    return "\(subject), which failed: correct or drop it; Tidemark's sessions pin search_path to pg_catalog, "
      + "so that it must write the names of tables and functions with their schemas"
  }
}
