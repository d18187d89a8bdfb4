/// The number of entries that are read at once from a stream whose entries may be large: Redis holds a page of them in memory as a whole.
package struct EntryPageSize: Sendable, Equatable {
  /// The bytes of a page that are aimed at.
  package static let bytes = 1 << 20
  package static let limits = 16...2_000

  package private(set) var count = limits.lowerBound

  package init() {}

  /// Adapts the size to a page that was read: it at most doubles, because the next entries may be larger.
  package mutating func read(entries: Int, bytes: Int) {
    guard entries > 0 else { return }
    let fitting = Self.bytes / max(bytes / entries, 1)
    count = min(max(min(fitting, count * 2), Self.limits.lowerBound), Self.limits.upperBound)
  }
}
