extension DeadLetterStore {
  package enum Discard: Sendable, Equatable {
    case discarded
    /// The letter was replayed or discarded earlier; the text is its resolution.
    case resolvedBefore(String)
  }

  private static func resolution(_ reason: String?) -> PostgresValue { .string("discarded\(reason.map { ": \($0)" } ?? "")") }

  /// Marks these letters as discarded, all or none. The rows and their bytes are kept until retention removes them. Waits for letters that
  /// are being replayed. Returns the outcome of each letter, in the order of the numbers.
  ///
  /// - Throws: ``UnknownDeadLetter``, with nothing changed, if a number has no letter; ``SinkError``.
  package func discard(_ ids: [Int64], because reason: String?) async throws -> [(id: Int64, outcome: Discard)] {
    let numbers = ids.reduce(into: [Int64]()) { all, id in if !all.contains(id) { all.append(id) } }
    let done = try await sink.query(sql.discard, [.integerArray(numbers), Self.resolution(reason)])
    let discarded = Set((0..<done.rowCount).compactMap { done.int64($0, "id") })
    let letters = Dictionary(try await letters(numbers).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    if let missing = numbers.first(where: { letters[$0] == nil }) {
      throw UnknownDeadLetter(number: missing)
    }
    return numbers.map { ($0, discarded.contains($0) ? Discard.discarded : .resolvedBefore(letters[$0]?.resolution ?? "")) }
  }

  /// Marks all open letters of a lane, with a reason, or both, as discarded in one step. Returns their number.
  package func discardAll(_ filter: Filter, because reason: String?) async throws -> Int {
    try await sink.query(sql.discardAll, filter.parameters + [Self.resolution(reason)]).rowCount
  }
}
