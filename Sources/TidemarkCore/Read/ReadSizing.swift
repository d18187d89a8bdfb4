/// Decides how many entries to request for each lane.
///
/// Redis holds a whole reply in memory, so the count starts small, at most doubles per reply, and never exceeds what the credit can hold if
/// every entry is as large as the largest recent one. A reply also never holds more than one transaction can take: a backlog that comes in
/// a few huge replies is read while nothing is committed, is committed while nothing is read, and evicts itself from the processor's cache.
package struct ReadSizing: Sendable, Equatable {
  static let first = 16

  /// The number of reads with as many entries as the ceiling allows before the ceiling is raised.
  static let calm = 64
  /// The ceiling above which there is no ceiling any more.
  private static let highestCeiling = 1 << 20

  private var count = ReadSizing.first
  private var largestEntry = 1
  /// The most entries of one reply, over all its lanes, since the server closed a connection instead of sending more.
  private var ceiling: Int?
  private var readsAtCeiling = 0
  /// The number of consecutive reads that the server answered by closing the connection.
  package private(set) var closures = 0

  package init() {}

  /// Returns the number of entries for each lane in a read of `lanes` lanes within `credit` bytes and a transaction's limits.
  package func count(credit: Int, lanes: Int, maxEntries: Int, maxBytes: Int) -> Int {
    let lanes = max(1, lanes)
    return max(1, min(count, maxEntries / lanes, min(credit, maxBytes) / lanes / largestEntry, (ceiling ?? .max) / lanes))
  }

  /// Returns the number of lanes for which a reply has room where each is read with the full count.
  package func deepLanes(maxEntries: Int) -> Int { max(1, min(maxEntries, ceiling ?? .max) / count) }

  /// Records a reply: `asked` entries were requested for each lane, the fullest lane had `most`, and the largest entry takes `largest`
  /// bytes.
  package mutating func received(asked: Int, most: Int, largest: Int) {
    closures = 0
    if most >= asked, let ceiling {
      readsAtCeiling += 1
      if readsAtCeiling >= Self.calm {
        readsAtCeiling = 0
        self.ceiling = ceiling < Self.highestCeiling ? 2 * ceiling : nil
      }
    }
    // The estimate falls slowly: a single large entry makes the next reads smaller, but not all of them.
    largestEntry = max(largest, largestEntry - largestEntry / 8, 1)
    if most >= asked {
      count = max(count, min(asked * 2, count * 2))
    } else if asked >= count {
      // The backlog is over. The count shrinks, because many lanes with a few entries each must not be read one by one for the sake of an
      // old backlog.
      count = min(count, max(Self.first, 2 * most, count / 2))
    }
  }

  /// Records that the server closed the connection instead of answering: it may not allow a client so large a reply. Half of the size is
  /// tried, and is not exceeded for a while.
  package mutating func closed(asked: Int, lanes: Int) {
    closures += 1
    ceiling = max(1, asked * max(1, lanes) / 2)
    count = max(1, asked / 2)
    readsAtCeiling = 0
  }

  /// Records that a reply was larger than the credit and was dropped, so that the next read requests much less.
  package mutating func overran(asked: Int) {
    count = max(1, asked / 8)
  }
}
