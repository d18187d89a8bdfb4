/// The functions and triggers that the migrations make, as far as they say what a role needs that calls or fires them.
///
/// They are read from the migrations' own text: a database whose migrations have other checksums is refused anyway.
struct SchemaCode: Sendable, Equatable {
  struct Trigger: Sendable, Equatable {
    var table: String
    var events: Set<SchemaUse.Privilege>
    var function: String
  }

  /// What functions do, by name. A function that runs with its owner's rights uses none of its caller's: it has no body here.
  private(set) var bodies: [String: String] = [:]
  private(set) var triggers: [Trigger] = []

  /// The code of this release.
  ///
  /// - Parameter schema: not quoted. Throws ``PostgresError`` for a name that can't be quoted.
  static func current(schema: String) throws -> SchemaCode {
    SchemaCode(try Migration.all.map { try $0.sql(schema: schema) }, schema: try PostgresIdentifier.quoted(schema))
  }

  /// - Parameters:
  ///   - migrations: the SQL of each, in their order, for one schema.
  ///   - schema: as it stands in the text, quoted.
  init(_ migrations: [String], schema: String) {
    for sql in migrations {
      for definition in Self.definitions(of: "FUNCTION", in: sql) { readFunction(definition, schema) }
      for definition in Self.definitions(of: "TRIGGER", in: sql) { readTrigger(definition, schema) }
    }
  }

  /// What a role needs for these statements, with the functions that they call and the triggers that they fire, step by step.
  func use(of statements: [String], schema: String) -> SchemaUse {
    var use = SchemaUse()
    for sql in statements { use.formUnion(SchemaUse(of: sql, schema: schema)) }
    var read: Set<String> = []
    while let next = use.functions.union(fired(by: use)).subtracting(read).min() {
      read.insert(next)
      use.formUnion(SchemaUse(of: bodies[next] ?? "", schema: schema))
    }
    return use
  }

  /// The functions of triggers. To execute these nobody needs a right.
  private func fired(by use: SchemaUse) -> [String] {
    triggers.filter { !$0.events.isDisjoint(with: use.tables[$0.table] ?? []) }.map(\.function)
  }

  /// What follows `CREATE FUNCTION` or the like at the beginning of a line.
  private static func definitions(of kind: String, in sql: String) -> [Substring] {
    let text = "\n" + sql
    return ["CREATE \(kind) ", "CREATE OR REPLACE \(kind) "].flatMap { beginning in
      text.ranges(of: "\n" + beginning).map { text[$0.upperBound...] }
    }
  }

  /// `"schema".name(parameters) RETURNS type LANGUAGE plpgsql AS $$ body $$;` or, in standard SQL, `... RETURN expression;`
  private mutating func readFunction(_ definition: Substring, _ schema: String) {
    guard definition.hasPrefix("\(schema).") else { return }
    let name = Self.name(definition.dropFirst(schema.count + 1))
    let end = definition.firstIndex(of: ";") ?? definition.endIndex
    guard let quote = definition.firstRange(of: "$$"), quote.lowerBound < end else {
      bodies[name] = String(definition[(definition.firstRange(of: "RETURN ")?.upperBound ?? end)..<end])
      return
    }
    let body = definition[quote.upperBound...]
    bodies[name] =
      definition[..<quote.lowerBound].contains("SECURITY DEFINER")
      ? nil : String(body[..<(body.firstRange(of: "$$")?.lowerBound ?? body.endIndex)])
  }

  /// `name AFTER UPDATE OR DELETE ON "schema".table ... EXECUTE FUNCTION "schema".function();`
  private mutating func readTrigger(_ definition: Substring, _ schema: String) {
    let text = definition[..<(definition.firstIndex(of: ";") ?? definition.endIndex)]
    guard let table = text.firstRange(of: " ON \(schema)."), let function = text.firstRange(of: " EXECUTE FUNCTION \(schema).") else {
      return
    }
    let words = Set(text[..<table.lowerBound].split(whereSeparator: \.isWhitespace).map { String($0) })
    triggers.append(
      Trigger(
        table: Self.name(text[table.upperBound...]), events: Set(SchemaUse.Privilege.allCases.filter { words.contains($0.rawValue) }),
        function: Self.name(text[function.upperBound...])))
  }

  private static func name(_ text: Substring) -> String { String(text.prefix { $0 == "_" || $0.isLetter || $0.isNumber }) }
}
