/// How many bytes the numbers in one entry's JSON may take when Postgres prints them.
///
/// jsonb takes `1e131071`, and prints 131,072 digits for it: without a bound an entry of 180 kB becomes a row that nothing can read again, since
/// text ends at 1 GB.
package struct NumberRoom: Sendable {
  /// How much longer than the whole entry they may become. A double of full precision takes at most 15 times what is written.
  static let growth = 16
  /// Beyond that one number of the largest kind has room.
  static let slack = JSONCheck.maxIntegerDigits + 1 + JSONCheck.maxFractionDigits
  /// No entry's numbers grow beyond this.
  static let most = 64 << 20

  let limit: Int
  private var taken = 0

  /// - Parameter entryBytes: the entry's names and values.
  package init(entryBytes: Int) {
    limit = min(entryBytes * Self.growth + Self.slack, max(Self.most, entryBytes))
  }

  /// False where there is no room left.
  mutating func take(_ printed: Int) -> Bool {
    taken += printed
    return taken <= limit
  }
}
