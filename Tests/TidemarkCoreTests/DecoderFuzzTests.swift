import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct DecoderFuzzTests {
  private static func build(_ block: EntryBlock, _ settings: Settings) -> ChangeBatch {
    var builder = BatchBuilder(
      routes: RouteTable.builtIn, limits: EntryDecoder.Limits(maxEntryBytes: settings.maxEntryBytes, replacesNUL: settings.replacesNUL))
    var rest = block.chunk()
    var chunks: [LaneChunk] = []
    while !rest.entries.isEmpty { chunks.append(rest.split(count: settings.chunk, bytes: .max)) }
    builder.append(lane: .named("lane"), partition: nil, chunks)
    return builder.finish()
  }

  private struct Settings {
    var maxEntryBytes = 60_000
    var replacesNUL: Bool
    var chunk: Int
  }

  @Test func `every entry is applied, counted as ephemeral or refused with a reason, and the sums are right`() {
    for seed in FuzzInputs(test: "entries", byDefault: 1_500) {
      var generator = EntryGenerator(seed: seed, .damaged)
      let settings = Settings(replacesNUL: generator.random.chance(50), chunk: 1 + generator.random.below(4))
      let entries = (0..<1 + generator.random.below(6)).map { _ in generator.entry() }
      let block = EntryGenerator.block(entries)
      let batch = Self.build(block, settings)
      for problem in Self.problems(of: batch, entries.count) { Issue.record("seed \(seed): \(problem)") }

      let again = Self.build(block, Settings(replacesNUL: settings.replacesNUL, chunk: 100))
      if again.readable != batch.readable { Issue.record("seed \(seed): decoded again it is another batch") }

      let shuffled = entries.map { $0.shuffled(using: &generator.random) }
      let other = Self.build(EntryGenerator.block(shuffled), settings)
      for (left, right) in zip(batch.entries, other.entries)
      where left.digest != right.digest || left.disposition.name != right.disposition.name {
        Issue.record("seed \(seed): the order of the fields of \(left.id) matters")
      }
    }
  }

  private static func problems(of batch: ChangeBatch, _ count: Int) -> [String] {
    var problems: [String] = []
    if batch.entries.count != count { problems.append("\(batch.entries.count) entries of \(count)") }
    for entry in batch.entries {
      if case .rejected(let rejection) = entry.disposition {
        if rejection.detail.isEmpty { problems.append("\(entry.id) has no detail") }
        if rejection.detail.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
          problems.append("\(entry.id) has a control character in its detail")
        }
      }
      for cell in [entry.session, entry.eventID, entry.type, entry.actor, entry.trace] where !batch.isStorable(cell) {
        problems.append("\(entry.id) has a text that Postgres can't store")
      }
      if !batch.isJSON(entry.fields) { problems.append("\(entry.id) keeps its fields as bad JSON") }
    }
    problems += rowProblems(of: batch)
    let outcome = BatchOutcome(batch)
    for lane in outcome.lanes {
      let counts = lane.counts
      let sum = counts.applied + counts.duplicates + counts.divergent + counts.ephemeral + counts.skipped + counts.deadLetters
      if counts.read != sum || counts.read != count { problems.append("read \(counts.read), decided \(sum)") }
      if [outcome.numbers.count, batch.applied.count] != [counts.applied, counts.applied] {
        problems.append("applied \(counts.applied)")
      }
      if lane.rejected.count != counts.deadLetters { problems.append("told of \(lane.rejected.count) dead letters") }
    }
    return problems
  }

  private static func rowProblems(of batch: ChangeBatch) -> [String] {
    var problems: [String] = []
    var withRows: Set<Int> = []
    for set in batch.rowSets {
      withRows.formUnion(set.entries.map { Int($0) })
      if set.ordered(in: batch).count > set.rowCount { problems.append("\(set.destination.name): rows from nowhere") }
      for row in 0..<set.rowCount {
        for (column, cell) in zip(set.destination.columns, (0..<set.columnCount).map { set.cell(row: row, column: $0) }) {
          let isGood = column.type == "jsonb" ? batch.isJSON(cell) : batch.isStorable(cell)
          if !isGood { problems.append("\(set.destination.name).\(column.name) can't be stored") }
        }
      }
    }
    if !withRows.isSubset(of: batch.applied) { problems.append("rows of an entry that is not applied") }
    var rejected = batch
    rejected.reject(Dictionary(uniqueKeysWithValues: batch.applied.map { ($0, Rejection(.constraint, "all")) }))
    if rejected.rowSets.contains(where: { $0.rowCount > 0 }) { problems.append("rows of a rejected entry") }
    return problems
  }

  @Test func `cut entries and slices in any order never trap`() {
    for seed in FuzzInputs(test: "slices", byDefault: 1_500) {
      var generator = EntryGenerator(seed: seed, .damaged)
      var block = EntryGenerator.block([generator.entry(), generator.entry()])
      for index in block.fields.indices where generator.random.chance(30) {
        block.fields[index] = generator.random.one(of: block.fields)
      }
      for index in block.fields.indices where generator.random.chance(10) {
        block.truncations.append(.init(field: index, length: 1 << 40, digest: [UInt8](repeating: 7, count: 32)))
      }
      let batch = Self.build(block, Settings(replacesNUL: true, chunk: 1))
      for problem in Self.problems(of: batch, 2) { Issue.record("seed \(seed): \(problem)") }
    }
  }

  @Test func `generated JSON is accepted, and damaged JSON is judged without a trap`() {
    for seed in FuzzInputs(test: "json", byDefault: 6_000) {
      var generator = EntryGenerator(seed: seed, .damaged)
      var document = Array(generator.document(depth: 0).utf8)
      if let problem = JSONCheck.problem(in: document, entryBytes: 1 << 20) { Issue.record("seed \(seed): \(problem)") }
      for _ in 0..<1 + generator.random.below(3) { generator.random.damage(&document, tokens: Self.tokens) }
      let problems = (0..<2).map { _ in JSONCheck.problem(in: document, entryBytes: 1 << 20) }
      if problems[0] != problems[1] || problems[0]?.isEmpty == true { Issue.record("seed \(seed): \(problems)") }
    }
  }

  private static let tokens = ["{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\u0000", "\\uD800", "e", "-", ".", "0", "null"]
    .map { Array($0.utf8) }
}

extension BatchEntry.Disposition {
  fileprivate var name: String {
    switch self {
    case .apply: "applied"
    case .ephemeral: "ephemeral"
    case .rejected: "rejected"
    }
  }
}

extension ChangeBatch {
  /// Returns whether Postgres accepts the cell's bytes as text.
  fileprivate func isStorable(_ cell: Cell) -> Bool {
    guard let text = text(of: cell) else { return true }
    return String(validating: text, as: UTF8.self) != nil && !text.contains(0)
  }

  fileprivate func isJSON(_ cell: Cell) -> Bool {
    guard let text = text(of: cell) else { return true }
    return isStorable(cell) && JSONCheck.problem(in: Array(text), entryBytes: 1 << 20) == nil
  }

  /// All cells that are sent, as text.
  fileprivate var readable: [String] {
    let ledger = entries.map { entry in
      let cells = [entry.session, entry.eventID, entry.type, entry.actor, entry.trace, entry.seq, entry.epoch, entry.version]
      let texts = (cells + [entry.occurredAt, entry.fields]).map { text($0) ?? "NULL" }
      return "\(entry.id) \(entry.disposition) \(entry.digest) \(texts)"
    }
    return ledger + rowSets.map { set in "\(set.destination.name) \(rows(set.destination.name))" }
  }
}
