/// Which tables and functions of a schema a text of SQL names, and what it does with them.
///
/// It reads words and not grammar: enough for Tidemark's own statements and functions, whose exact needs a test compares with a server's. Types,
/// and names of other schemas, are left out.
package struct SchemaUse: Sendable, Equatable {
  package enum Privilege: String, Sendable, CaseIterable {
    case select = "SELECT"
    case insert = "INSERT"
    case update = "UPDATE"
    case delete = "DELETE"
  }

  package private(set) var tables: [String: Set<Privilege>] = [:]
  package private(set) var functions: Set<String> = []

  /// What stands before a name of the schema in the words that are read.
  private static let mark: Character = "\u{1}"

  /// - Parameter schema: as it stands in the text, quoted.
  init(of sql: String = "", schema: String = "") {
    guard !sql.isEmpty else { return }
    let text = sql.split(separator: "\n", omittingEmptySubsequences: false)
      .map { line in line.firstRange(of: "--").map { line[..<$0.lowerBound] } ?? line }
      .joined(separator: "\n").replacing("\(schema).", with: "\(Self.mark)").replacing("\"", with: "")
    for statement in text.split(separator: ";") { read(Self.words(statement)) }
  }

  mutating func formUnion(_ other: SchemaUse) {
    tables.merge(other.tables) { $0.union($1) }
    functions.formUnion(other.functions)
  }

  /// Names and single signs; in capitals, but for names of the schema.
  private static func words(_ text: Substring) -> [String] {
    var words: [String] = []
    var word = ""
    func isPart(_ character: Character) -> Bool { character == "_" || character == mark || character.isLetter || character.isNumber }
    for character in text + " " {
      if isPart(character) {
        word.append(character)
        continue
      }
      if !word.isEmpty { words.append(word.first == mark ? word : word.uppercased()) }
      word = ""
      if !character.isWhitespace { words.append(String(character)) }
    }
    return words
  }

  /// Reads one statement.
  private mutating func read(_ words: [String]) {
    func word(_ place: Int) -> String { words.indices.contains(place) ? words[place] : "" }
    var aliases: [String: String] = [:]
    // Where the last INSERT of the statement goes.
    var target: String?
    for place in words.indices {
      guard words[place].first == Self.mark else {
        switch (word(place), word(place + 1)) {
        case ("DO", "UPDATE"): target.map { use($0, .update) }
        // The columns that a conflict is found by are read, and so are those that are returned.
        case ("CONFLICT", "("), ("RETURNING", _): target.map { use($0, .select) }
        case ("FOR", _): lock(words[place...].prefix(6).map { $0 }, aliases)
        default: break
        }
        continue
      }
      let name = String(words[place].dropFirst())
      switch (word(place - 2), word(place - 1)) {
      case ("INSERT", "INTO"), (_, "COPY"):
        use(name, .insert)
        target = name
      case ("DELETE", "FROM"): use(name, .delete)
      case ("FOR", "UPDATE"), ("KEY", "UPDATE"), ("DO", "UPDATE"): break
      case (_, "UPDATE"): use(name, .update)
      case (_, _) where word(place + 1) == "(": functions.insert(name)
      case (_, "FROM"), (_, "JOIN"), (_, ","), (_, "USING"): use(name, .select)
      default: continue
      }
      let alias = word(place + 1) == "AS" ? word(place + 2) : word(place + 1)
      if tables[name] != nil { aliases[alias] = name }
    }
  }

  /// `FOR UPDATE OF k` needs the right to update the table that is called k; without a name, every table of the statement.
  private mutating func lock(_ words: [String], _ aliases: [String: String]) {
    guard let strength = words.firstIndex(where: { $0 == "UPDATE" || $0 == "SHARE" }),
      words[1..<strength].allSatisfy({ $0 == "NO" || $0 == "KEY" })
    else { return }
    if words.count > strength + 2, words[strength + 1] == "OF" {
      if let table = aliases[words[strength + 2]] { use(table, .update) }
    } else {
      for table in aliases.values { use(table, .update) }
    }
  }

  private mutating func use(_ table: String, _ privilege: Privilege) {
    var privileges: Set<Privilege> = [privilege]
    // Whatever is changed or removed is found by a condition.
    if privilege == .update || privilege == .delete { privileges.insert(.select) }
    tables[table, default: []].formUnion(privileges)
  }
}
