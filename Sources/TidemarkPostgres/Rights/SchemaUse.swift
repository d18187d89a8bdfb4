/// Which tables and functions of a schema a text of SQL names, and what it does with them.
///
/// It reads words and not grammar: enough for Tidemark's own statements and functions, and on the side of asking for too much. Types, and
/// names of other schemas, are left out.
struct SchemaUse: Equatable {
  enum Privilege: String, CaseIterable {
    case select = "SELECT"
    case insert = "INSERT"
    case update = "UPDATE"
    case delete = "DELETE"
  }

  private(set) var tables: [String: Set<Privilege>] = [:]
  private(set) var functions: Set<String> = []

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
    var target: String?
    for place in words.indices {
      guard words[place].first == Self.mark else {
        if word(place) == "DO", word(place + 1) == "UPDATE", let target { use(target, .update) }
        if word(place) == "FOR" { lock(words[place...].prefix(6).map { $0 }, aliases) }
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
    // Whatever is changed is found by a condition, and most of it answers something.
    tables[table, default: []].formUnion([.select, privilege])
  }
}
