/// How many entries to ask of each lane.
///
/// Redis holds a reply whole, so the count starts small, at most doubles per reply, and never asks for more than the credit would hold
/// if every entry were as large as the largest recent one. Nor does a reply hold more than one transaction can take: a backlog that
/// comes in a few huge replies is read while nothing is committed, committed while nothing is read, and pushes itself out of the
/// processor's cache.
package struct ReadSizing: Sendable, Equatable {
  static let first = 16

  private var count = ReadSizing.first
  private var largestEntry = 1

  package init() {}

  /// Entries per lane for a read of `lanes` lanes within `credit` bytes and a transaction's limits.
  package func count(credit: Int, lanes: Int, maxEntries: Int, maxBytes: Int) -> Int {
    let lanes = max(1, lanes)
    return max(1, min(count, maxEntries / lanes, min(credit, maxBytes) / lanes / largestEntry))
  }

  /// How many lanes a reply has room for where each is read as deep as it may be.
  package func deepLanes(maxEntries: Int) -> Int { max(1, maxEntries / count) }

  /// A reply came: `asked` per lane, `most` entries for the fullest lane, the largest held in `largest` bytes.
  package mutating func received(asked: Int, most: Int, largest: Int) {
    // Forgets slowly: a stray large entry shrinks the next reads, not all of them.
    largestEntry = max(largest, largestEntry - largestEntry / 8, 1)
    if most >= asked {
      count = max(count, min(asked * 2, count * 2))
    } else if asked >= count {
      // The backlog is over: many lanes with a little each are not to be read one by one for the sake of an old one.
      count = min(count, max(Self.first, 2 * most, count / 2))
    }
  }

  /// A reply was larger than the credit and was dropped: ask for much less.
  package mutating func overran(asked: Int) {
    count = max(1, asked / 8)
  }
}
