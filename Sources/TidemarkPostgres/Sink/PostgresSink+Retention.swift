package import TidemarkCore

/// Removing what is kept only for a time or only in part. Every statement is one short transaction over a bounded piece of a table, which
/// waits for no row that others hold for longer than that.
extension PostgresSink {
  /// Producers' ids on one page of their table, about.
  private static let idsOfPage = 80
  /// Lanes of one statement that removes dead letters.
  private static let mostLanes = 500

  package func eventIDLanes() async throws -> (now: Int64, lanes: [EventIDRetention.Lane]) {
    let result = try await query(sql.eventIDLanes)
    let lanes = (0..<result.rowCount).compactMap { row -> EventIDRetention.Lane? in
      guard let name = result.string(row, "lane"), let position = result.entryID(row), let movedAt = result.int64(row, "moved_at") else {
        return nil
      }
      return EventIDRetention.Lane(name: name, position: position, movedAt: movedAt)
    }
    return (result.int64(0, "now") ?? 0, lanes)
  }

  package func lanesOfLetters(resolvedBefore age: Duration) async throws -> [String] {
    let result = try await query(sql.lanesOfLetters, [Self.seconds(age)])
    return (0..<result.rowCount).compactMap { result.string($0, "lane") }
  }

  package func remove(_ rule: RetentionRule, from place: RetentionPlace?, rows: Int) async throws -> RetentionPiece {
    switch rule {
    case .checkpoints(let kept): return try await remove(sql.removeCheckpoints, [Self.seconds(kept)], place, rows)
    case .snapshots(let kept): return try await remove(sql.removeSnapshots, [.integer(Int64(kept))], place, rows)
    case .deadLetters(let kept, let lanes): return try await removeLetters(kept, lanes, place, rows)
    case .eventIDs(let ranges):
      let multirange = ranges.map { "[\($0.lowerBound),\($0.upperBound))" }.joined(separator: ",")
      return try await remove(sql.removeEventIDs, [.string("{\(multirange)}")], place, max(1, rows / Self.idsOfPage))
    }
  }

  private static func seconds(_ duration: Duration) -> PostgresValue { .string(String(duration.seconds)) }

  /// - Parameters:
  ///   - parameters: what stands before the place.
  ///   - size: what bounds the piece, as the function of the schema counts.
  private func remove(
    _ statement: String, _ parameters: [PostgresValue], _ place: RetentionPlace?, _ size: Int
  ) async throws -> RetentionPiece {
    let result = try await query(statement, parameters + [.string(place?.text), .integer(Int64(size))])
    return RetentionPiece(
      removed: Int(clamping: result.int64(0, "removed") ?? 0), next: result.string(0, "next").map { RetentionPlace($0) })
  }

  /// Some lanes at a time. A place is how many lanes are done, and where in the others it goes on, where that is not at their beginning.
  private func removeLetters(
    _ kept: Duration, _ lanes: [LetterLane], _ place: RetentionPlace?, _ rows: Int
  ) async throws -> RetentionPiece {
    let parts = place?.text.split(separator: " ", maxSplits: 1) ?? []
    let done = parts.first.flatMap { Int($0) } ?? 0
    let some = lanes.dropFirst(done).prefix(Self.mostLanes)
    var piece = try await remove(
      sql.removeDeadLetters,
      [
        Self.seconds(kept), .textArray(strings: some.map(\.name)), .integerArray(some.map { $0.firstHeld?.ledgerMS }),
        .integerArray(some.map { $0.firstHeld?.ledgerNo }),
      ], parts.count > 1 ? RetentionPlace(String(parts[1])) : nil, rows)
    if let next = piece.next {
      piece.next = RetentionPlace("\(done) \(next.text)")
    } else if done + some.count < lanes.count {
      piece.next = RetentionPlace("\(done + some.count)")
    }
    return piece
  }
}
