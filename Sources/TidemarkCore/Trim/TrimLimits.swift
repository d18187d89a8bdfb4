/// The limits of trimming, the settings of `trim:`.
package struct TrimLimits: Sendable, Equatable {
  package var isEnabled: Bool
  /// The time for which durable entries stay.
  package var keep: Duration
  /// The approximate number of bytes of entries that stay.
  package var keepBytes: Int
  package var ignoredGroups: Set<String>

  package init(isEnabled: Bool, keep: Duration, keepBytes: Int, ignoredGroups: Set<String>) {
    self.isEnabled = isEnabled
    self.keep = keep
    self.keepBytes = keepBytes
    self.ignoredGroups = ignoredGroups
  }

  /// Returns the most entries of this mean size that stay; nil where the size is not known.
  package func keptEntries(of entryBytes: Double?) -> Double? {
    entryBytes.flatMap { $0 > 0 ? Double(keepBytes) / $0 : nil }
  }
}
