package import TidemarkCore

/// Entries made from a seed: changes as agents write them, with values from the edges of what each field allows, and then damaged.
package struct EntryGenerator: Sendable {
  package typealias Field = (name: [UInt8], value: [UInt8])

  /// Which sort of entries it makes.
  package enum Mix: Sendable {
    /// Mostly good ones, with odd values.
    case plausible
    /// Every second one is damaged, too.
    case damaged
  }

  package var random: SeededGenerator
  private let mix: Mix

  package init(seed: UInt64, _ mix: Mix) {
    random = SeededGenerator(seed: seed)
    self.mix = mix
  }

  package mutating func entry() -> [Field] {
    let type = random.one(of: ChangeCatalog.builtIn)
    var fields: [Field] = []
    if !random.chance(2) { fields.append((Array("type".utf8), random.chance(93) ? Array(type.name.utf8) : odd(.text))) }
    if !random.chance(2) { fields.append((Array("session".utf8), random.chance(95) ? Array("s\(random.below(5))".utf8) : odd(.text))) }
    for rule in ChangeCatalog.envelope.dropFirst(2) where random.chance(15) { fields.append(field(rule)) }
    for rule in type.fields where random.chance(rule.isRequired ? 97 : 60) { fields.append(field(rule)) }
    if let prefix = type.jsonPrefix {
      for _ in 0..<random.below(3) { fields.append((Array(prefix.utf8) + random.one(of: ValueCorpus.names), value(of: .json))) }
    }
    if random.chance(20) { fields.append((random.one(of: ValueCorpus.names), odd(.text))) }
    if random.chance(30) { fields.shuffle(using: &random) }
    if mix == .damaged, random.chance(50) { damage(&fields) }
    return fields
  }

  private mutating func field(_ rule: FieldRule) -> Field {
    // Nearly all good, or with ten fields in an entry none of them would be.
    (Array(rule.name.utf8), random.chance(97) ? value(of: rule.kind) : odd(rule.kind))
  }

  /// A value as the rule wants it.
  private mutating func value(of kind: FieldRule.Kind) -> [UInt8] {
    switch kind {
    case .text: random.one(of: ValueCorpus.texts)
    case .json: random.chance(50) ? random.one(of: ValueCorpus.json) : Array(document(depth: 0).utf8)
    case .jsonArray: Array("[\(document(depth: 1)),\(document(depth: 1))]".utf8)
    case .integer: random.one(of: ValueCorpus.integers)
    case .decimal, .number: random.one(of: ValueCorpus.numbers)
    case .flag: random.one(of: [[48], [49]])
    case .choice(let choices): Array(random.one(of: choices).utf8)
    }
  }

  /// A value of another kind, or a bad one.
  private mutating func odd(_ kind: FieldRule.Kind) -> [UInt8] {
    switch random.below(4) {
    case 0: return random.one(of: ValueCorpus.odd)
    case 1: return random.one(of: ValueCorpus.nearlyJSON)
    case 2:
      var value = value(of: kind)
      random.damage(&value, tokens: ValueCorpus.jsonTokens)
      return value
    default: return random.one(of: ValueCorpus.good)
    }
  }

  private mutating func damage(_ fields: inout [Field]) {
    guard !fields.isEmpty else { return }
    let index = random.below(fields.count)
    switch random.below(6) {
    case 0: fields.remove(at: index)
    case 4:
      // A character whose halves lie in two fields, one behind the other.
      fields[index].value.append(0xC3)
      if index + 1 < fields.count { fields[index + 1].name.insert(0xA9, at: 0) }
    case 1: fields.append(fields[index])
    case 2: random.damage(&fields[index].name, tokens: ValueCorpus.names)
    case 3: random.damage(&fields[index].value, tokens: ValueCorpus.jsonTokens)
    default: fields[index].value = odd(.text)
    }
  }

  /// A JSON document, valid by the way it is made.
  package mutating func document(depth: Int) -> String {
    let space = random.one(of: ["", "", "", " ", "\n\t"])
    switch random.below(depth < 4 ? 9 : 6) {
    case 0: return random.one(of: ["null", "true", "false"])
    case 1: return random.one(of: ["0", "-0", "1.5", "-12e3", "1E-7", "9007199254740993", "0.1e+2"])
    case 2, 3, 4: return string()
    case 5: return random.one(of: ["[]", "{}", "[ ]", "{\n}"])
    case 6, 7:
      let elements = (0..<1 + random.below(3)).map { _ in space + document(depth: depth + 1) }
      return "[" + elements.joined(separator: space + ",") + space + "]"
    default:
      let members = (0..<1 + random.below(3)).map { _ in space + string() + space + ":" + document(depth: depth + 1) }
      return "{" + members.joined(separator: ",") + "}"
    }
  }

  private mutating func string() -> String {
    let pieces = ["a", "é", "東", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\uD83D\\uDE00", "\\u007f", " ", "'", "<"]
    return "\"" + (0..<random.below(5)).map { _ in random.one(of: pieces) }.joined() + "\""
  }

  // Blocks

  /// The fields of entries with ids that rise by one, as a reply holds them.
  package static func block(_ entries: [[Field]], firstMilliseconds: UInt64 = 1) -> EntryBlock {
    var block = EntryBlock()
    for (index, fields) in entries.enumerated() {
      block.entries.append(
        .init(
          id: EntryID(ms: firstMilliseconds + UInt64(index), no: 0), firstField: UInt32(block.fields.count),
          fieldCount: UInt32(fields.count)))
      for field in fields {
        let start = UInt32(block.bytes.count)
        block.bytes += field.name
        block.bytes += field.value
        block.fields.append(
          .init(
            nameStart: start, nameLength: UInt32(field.name.count), valueStart: start + UInt32(field.name.count),
            valueLength: UInt32(field.value.count)))
      }
    }
    block.sections = [.init(lane: 0, entries: 0..<entries.count)]
    return block
  }
}
