/// What trimming leaves, the settings of `trim:`.
package struct TrimLimits: Sendable, Equatable {
  package var isEnabled: Bool
  /// How long durable entries stay.
  package var keep: Duration
  /// How many bytes of entries stay, about.
  package var keepBytes: Int
  package var ignoredGroups: Set<String>

  package init(isEnabled: Bool, keep: Duration, keepBytes: Int, ignoredGroups: Set<String>) {
    self.isEnabled = isEnabled
    self.keep = keep
    self.keepBytes = keepBytes
    self.ignoredGroups = ignoredGroups
  }

  /// How many entries of this mean size stay at most; nil where the size is not known.
  package func keptEntries(of entryBytes: Double?) -> Double? {
    entryBytes.flatMap { $0 > 0 ? Double(keepBytes) / $0 : nil }
  }
}
