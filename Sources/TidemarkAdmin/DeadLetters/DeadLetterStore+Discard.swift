internal import TidemarkPostgres

extension DeadLetterStore {
  package enum Discard: Sendable, Equatable {
    case discarded
    /// Somebody replayed or discarded it before; what they wrote down.
    case resolvedBefore(String)
  }

  private static func resolution(_ reason: String?) -> PostgresValue { .string("discarded\(reason.map { ": \($0)" } ?? "")") }

  /// Marks these as discarded, all or none; the rows and their bytes stay until retention takes them. Those that are being replayed are waited
  /// for. Answers what became of each, in the order of the numbers.
  ///
  /// - Throws: a ``Finding`` where there is none of a number, with nothing changed; ``SinkError``.
  package func discard(_ ids: [Int64], because reason: String?) async throws -> [(id: Int64, outcome: Discard)] {
    let numbers = ids.reduce(into: [Int64]()) { all, id in if !all.contains(id) { all.append(id) } }
    let done = try await sink.query(sql.discard, [.integerArray(numbers), Self.resolution(reason)])
    let discarded = Set((0..<done.rowCount).compactMap { done.int64($0, "id") })
    let letters = Dictionary(try await letters(numbers).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    if let missing = numbers.first(where: { letters[$0] == nil }) {
      throw Finding(
        .problem, "dead-letters", "there is no dead letter \(missing), so none was discarded", hint: "see `tidemark dead-letters list`")
    }
    return numbers.map { ($0, discarded.contains($0) ? Discard.discarded : .resolvedBefore(letters[$0]?.resolution ?? "")) }
  }

  /// Marks all open ones of a lane, with a reason, or both, as discarded, in one step. Answers how many.
  package func discardAll(_ filter: Filter, because reason: String?) async throws -> Int {
    try await sink.query(sql.discardAll, filter.parameters + [Self.resolution(reason)]).rowCount
  }
}
