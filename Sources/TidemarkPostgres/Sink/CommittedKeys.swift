internal import TidemarkCore

/// Keys whose rows are committed, of destinations for which one row a key is enough (``Destination/isOncePerKey``).
///
/// They hold for one connection: a new one may lead to a server that has promoted an older state. And they hold for one version of the rows:
/// `advance` refuses a transaction that relies on another.
struct CommittedKeys: Sendable {
  /// Keys kept for a destination; of at most 256 bytes each, so about 5 MiB. Beyond, it begins anew.
  static let limit = 16_384
  /// SQLSTATE by which `advance` says that rows were deleted since ``version``.
  static let deletedState = "TM002"

  /// Where a key is looked for: by all that follows its first column, which is at most the number of a lane.
  private struct Place: Hashable {
    var destination: Int
    var number: Int64
  }

  /// Of which rows the keys are known; nil while none is.
  private(set) var version: Int64?
  private var known: [Place: ByteStringSet] = [:]
  private var counts: [Int: Int] = [:]
  /// Of the transaction under way.
  private var pending: [(place: Place, cell: Cell)] = []

  /// The rows of a destination that still have to be sent, noted until ``committed(_:)``.
  mutating func missing(_ order: [RowSet.Ordered], of rows: RowSet, destination: Int, in batch: ChangeBatch) -> [RowSet.Ordered] {
    guard rows.destination.isOncePerKey else { return order }
    return order.filter { row in
      guard !contains(row.row, of: rows, destination: destination, in: batch) else { return false }
      pending.append((Self.place(row.row, of: rows, destination), rows.cell(row, column: 0)))
      return true
    }
  }

  /// Whether a row with this one's key is committed, of a destination for which one is enough.
  func contains(_ row: Int, of rows: RowSet, destination: Int, in batch: ChangeBatch) -> Bool {
    guard let known = known[Self.place(row, of: rows, destination)] else { return false }
    return batch.text(of: rows.cell(row: row, column: 0))?.withUnsafeBytes { known.contains($0) } == true
  }

  /// The transaction that sent what was missing is committed. It read the version before it sent anything.
  mutating func committed(_ batch: ChangeBatch, version: Int64?) {
    self.version = self.version ?? version
    if self.version != nil { for (place, key) in pending { add(key, place, in: batch) } }
    pending = []
  }

  /// Rows of these entries are committed, by a path that compares the version at its end: without one to compare nothing is certain.
  mutating func committed(_ entries: Set<Int>, of batch: ChangeBatch) {
    guard version != nil else { return }
    for (destination, rows) in batch.rowSets.enumerated() where rows.destination.isOncePerKey {
      for row in 0..<rows.rowCount where entries.contains(Int(rows.entries[row])) {
        add(rows.cell(row: row, column: 0), Self.place(row, of: rows, destination), in: batch)
      }
    }
  }

  private static func place(_ row: Int, of rows: RowSet, _ destination: Int) -> Place {
    guard rows.destination.keyColumns > 1, case .integer(let number) = rows.cell(row: row, column: 1) else {
      return Place(destination: destination, number: 0)
    }
    return Place(destination: destination, number: number)
  }

  private mutating func add(_ key: Cell, _ place: Place, in batch: ChangeBatch) {
    if counts[place.destination, default: 0] >= Self.limit {
      known = known.filter { $0.key.destination != place.destination }
      counts[place.destination] = 0
    }
    let isNew = batch.text(of: key)?.withUnsafeBytes { known[place, default: ByteStringSet()].insert($0).isNew }
    if isNew == true { counts[place.destination, default: 0] += 1 }
  }

  /// The transaction failed, or it is not known what became of it. What was committed before still is.
  mutating func abandon() {
    pending = []
  }

  /// The connection is another one, or rows were deleted: nothing is certain any more.
  mutating func forget() {
    self = CommittedKeys()
  }
}
