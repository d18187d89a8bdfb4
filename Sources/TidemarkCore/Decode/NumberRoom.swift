/// Limits the bytes that the numbers in one entry's JSON may take when Postgres prints them.
///
/// jsonb accepts `1e131071`, and prints 131,072 digits for it. Without a limit an entry of 180 kB becomes a row that can't be read again,
/// because a text is limited to 1 GB.
package struct NumberRoom: Sendable {
  /// The factor by which the printed numbers may exceed the size of the whole entry. A double of full precision takes at most 15 times the
  /// bytes in which it was written.
  static let growth = 16
  /// The bytes that are allowed in addition: enough for one number of the largest kind.
  static let slack = JSONCheck.maxIntegerDigits + 1 + JSONCheck.maxFractionDigits
  /// The most bytes that the numbers of any entry may take.
  static let most = 64 << 20

  let limit: Int
  private var taken = 0

  /// - Parameter entryBytes: the number of bytes of the entry's names and values.
  package init(entryBytes: Int) {
    limit = min(entryBytes * Self.growth + Self.slack, max(Self.most, entryBytes))
  }

  /// Takes room for one number. Returns false where there is not enough left.
  mutating func take(_ printed: Int) -> Bool {
    taken += printed
    return taken <= limit
  }
}
