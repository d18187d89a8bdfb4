package import TidemarkCore

extension PostgresSink {
  /// Pages of one statement: about ten thousand ids, some tens of milliseconds.
  private static let pages: Int64 = 128

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

  package func forgetEventIDs(_ ranges: [Range<Int64>], from place: EventIDPlace) async throws -> EventIDPlace? {
    let multirange = ranges.map { "[\($0.lowerBound),\($0.upperBound))" }.joined(separator: ",")
    let result = try await query(
      sql.forgetEventIDs,
      [.bool(place.isEarlier), .integer(place.page), .integer(Self.pages), .string("{\(multirange)}")])
    if let next = result.int64(0, "next") { return EventIDPlace(isEarlier: place.isEarlier, page: next) }
    return place.isEarlier ? .latest : nil
  }
}
