internal import TidemarkCore

/// Keys whose rows are committed, of destinations for which one row a key is enough (``Destination/isOncePerKey``).
///
/// They hold for one connection: a new one may lead to a server that has promoted an older state. Whoever deletes such a row ends the
/// writers' backends.
struct CommittedKeys: Sendable {
  /// Keys kept for a destination; of at most 256 bytes each, so about 5 MiB. Beyond, it begins anew.
  static let limit = 16_384

  private var known: [Int: ByteStringSet] = [:]
  /// Of the transaction under way.
  private var pending: [(destination: Int, cell: Cell)] = []

  /// The rows of a destination that still have to be sent, noted until ``committed(_:)``.
  mutating func missing(_ order: [RowSet.Ordered], of rows: RowSet, destination: Int, in batch: ChangeBatch) -> [RowSet.Ordered] {
    guard rows.destination.isOncePerKey else { return order }
    let known = known[destination] ?? ByteStringSet()
    return order.filter { row in
      let key = rows.cell(row, column: 0)
      guard batch.text(of: key)?.withUnsafeBytes({ known.contains($0) }) != true else { return false }
      pending.append((destination, key))
      return true
    }
  }

  /// The transaction that sent what was missing is committed.
  mutating func committed(_ batch: ChangeBatch) {
    for (destination, key) in pending {
      if known[destination, default: ByteStringSet()].count >= Self.limit { known[destination] = nil }
      batch.text(of: key)?.withUnsafeBytes { _ = known[destination, default: ByteStringSet()].insert($0) }
    }
    pending = []
  }

  /// The transaction failed: nothing is certain any more.
  mutating func forget() {
    self = CommittedKeys()
  }
}
