/// How many entries to ask of each lane.
///
/// Redis holds a reply whole, so the count starts small, at most doubles per reply, and never asks for more than the credit would hold
/// if every entry were as large as the largest recent one. Nor does a reply hold more than one transaction can take: a backlog that
/// comes in a few huge replies is read while nothing is committed, committed while nothing is read, and pushes itself out of the
/// processor's cache.
package struct ReadSizing: Sendable, Equatable {
  static let first = 16

  /// Reads of as many entries as the ceiling lets through before it is raised.
  static let calm = 64
  /// A ceiling above it is none.
  private static let highestCeiling = 1 << 20

  private var count = ReadSizing.first
  private var largestEntry = 1
  /// Entries of one reply, over all its lanes, since the server closed connections instead of sending more.
  private var ceiling: Int?
  private var readsAtCeiling = 0
  /// Reads in a row that the server answered by closing the connection.
  package private(set) var closures = 0

  package init() {}

  /// Entries per lane for a read of `lanes` lanes within `credit` bytes and a transaction's limits.
  package func count(credit: Int, lanes: Int, maxEntries: Int, maxBytes: Int) -> Int {
    let lanes = max(1, lanes)
    return max(1, min(count, maxEntries / lanes, min(credit, maxBytes) / lanes / largestEntry, (ceiling ?? .max) / lanes))
  }

  /// How many lanes a reply has room for where each is read as deep as it may be.
  package func deepLanes(maxEntries: Int) -> Int { max(1, min(maxEntries, ceiling ?? .max) / count) }

  /// A reply came: `asked` per lane, `most` entries for the fullest lane, the largest held in `largest` bytes.
  package mutating func received(asked: Int, most: Int, largest: Int) {
    closures = 0
    if most >= asked, let ceiling {
      readsAtCeiling += 1
      if readsAtCeiling >= Self.calm {
        readsAtCeiling = 0
        self.ceiling = ceiling < Self.highestCeiling ? 2 * ceiling : nil
      }
    }
    // Forgets slowly: a stray large entry shrinks the next reads, not all of them.
    largestEntry = max(largest, largestEntry - largestEntry / 8, 1)
    if most >= asked {
      count = max(count, min(asked * 2, count * 2))
    } else if asked >= count {
      // The backlog is over: many lanes with a little each are not to be read one by one for the sake of an old one.
      count = min(count, max(Self.first, 2 * most, count / 2))
    }
  }

  /// The server closed the connection instead of answering: it may not let a client have so large a reply. Half of it is tried, and no more for
  /// a while.
  package mutating func closed(asked: Int, lanes: Int) {
    closures += 1
    ceiling = max(1, asked * max(1, lanes) / 2)
    count = max(1, asked / 2)
    readsAtCeiling = 0
  }

  /// A reply was larger than the credit and was dropped: ask for much less.
  package mutating func overran(asked: Int) {
    count = max(1, asked / 8)
  }
}
