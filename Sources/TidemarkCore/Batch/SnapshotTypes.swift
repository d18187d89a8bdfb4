/// The types of changes that get a snapshot in their own transaction, as a batch is asked for them: for each entry.
struct SnapshotTypes: Sendable {
  /// For each type of the catalog.
  private let isKnown: [Bool]
  /// The names of others.
  private let unknown: Set<[UInt8]>

  init(_ types: Set<String>, in catalog: [ChangeType]) {
    isKnown = catalog.map { types.contains($0.name) }
    unknown = Set(types.subtracting(catalog.map(\.name)).map { Array($0.utf8) })
  }

  func contains(_ entry: DecodedEntry, _ block: EntryBlock) -> Bool {
    if let type = entry.type { return isKnown[type] }
    guard !unknown.isEmpty else { return false }
    return unknown.contains(Array(block.bytes[entry.typeName]))
  }
}
