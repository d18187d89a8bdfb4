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
    return order.filter { row in
      let key = rows.cell(row, column: 0)
      guard !contains(key, destination: destination, in: batch) else { return false }
      pending.append((destination, key))
      return true
    }
  }

  /// Whether a row with this key is committed, of a destination for which one is enough.
  func contains(_ key: Cell, destination: Int, in batch: ChangeBatch) -> Bool {
    guard let known = known[destination] else { return false }
    return batch.text(of: key)?.withUnsafeBytes { known.contains($0) } == true
  }

  /// The transaction that sent what was missing is committed.
  mutating func committed(_ batch: ChangeBatch) {
    for (destination, key) in pending { add(key, destination: destination, in: batch) }
    pending = []
  }

  /// Rows of these entries are committed, by whatever path.
  mutating func committed(_ entries: Set<Int>, of batch: ChangeBatch) {
    for (destination, rows) in batch.rowSets.enumerated() where rows.destination.isOncePerKey {
      for row in 0..<rows.rowCount where entries.contains(Int(rows.entries[row])) {
        add(rows.cell(row: row, column: 0), destination: destination, in: batch)
      }
    }
  }

  private mutating func add(_ key: Cell, destination: Int, in batch: ChangeBatch) {
    if known[destination, default: ByteStringSet()].count >= Self.limit { known[destination] = nil }
    batch.text(of: key)?.withUnsafeBytes { _ = known[destination, default: ByteStringSet()].insert($0) }
  }

  /// The transaction failed, or it is not known what became of it. What was committed before still is.
  mutating func abandon() {
    pending = []
  }

  /// The connection is another one: nothing is certain any more.
  mutating func forget() {
    self = CommittedKeys()
  }
}
