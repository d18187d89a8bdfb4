/// Computes the size of the bytes that an entry's rows need beyond those that were read, and refuses an entry before they are made where
/// they would exceed the limit of an entry.
extension BatchBuilder {
  /// The largest factor by which an entry can grow: a control character takes six bytes in JSON, and a session's values are kept twice, in
  /// the audit trail and in a column.
  private static let expansion = 12

  /// Reserves memory for the JSON and the replaced texts of the decoded entry. Throws where they are larger than an entry may be.
  mutating func makeRoom(_ source: EntryBlock.Entry, _ block: EntryBlock) throws(Rejection) {
    guard block.size(of: source) > maxEntryBytes / Self.expansion else { return }
    let size = madeSize(block)
    guard size <= maxEntryBytes else { throw Rejection.expanding(to: size, limit: maxEntryBytes) }
    reserve(size)
  }

  private func madeSize(_ block: EntryBlock) -> Int {
    var size: Int
    switch decoded.type.map({ routes.catalog[$0].kept }) ?? .all {
    case .all: size = keptSize(block)
    case .extras: size = decoded.extras.isEmpty ? 0 : JSONText.size(texts: decoded.extras, of: block.bytes)
    case .none: size = 0
    }
    size += [decoded.typeName, decoded.eventID, decoded.actor, decoded.trace].reduce(0) { $0 + replacedSize($1, block) }
    var hasExtras = false
    for route in routes.routes(for: decoded.type) where takes(route) {
      for source in route.sources {
        switch source {
        case .slot(let slot), .slotOr(let slot, _):
          size += isReplacedJSON(slot) ? decoded.values[slot]?.count ?? 0 : replacedSize(decoded.values[slot], block)
        case .prefixed: size += decoded.prefixed.isEmpty ? 0 : JSONText.size(values: decoded.prefixed, of: block.bytes)
        case .extras where !hasExtras:
          hasExtras = true
          size += decoded.extras.isEmpty ? 0 : JSONText.size(texts: decoded.extras, of: block.bytes)
        case .extras, .integerSlot, .constant, .session, .entryMilliseconds, .entryNumber, .laneID, .time, .seq, .type, .null: break
        }
      }
    }
    return size
  }

  private func keptSize(_ block: EntryBlock) -> Int {
    var size = JSONText.size(values: decoded.prefixed, of: block.bytes) + JSONText.size(texts: decoded.extras, of: block.bytes)
    guard let type = decoded.type else { return size }
    for (slot, value) in decoded.values.enumerated() {
      guard let value else { continue }
      let rule = routes.catalog[type].fields[slot]
      size += 4 + rule.name.utf8.count + (rule.isJSON ? value.count : JSONText.size(ofString: block.bytes[value]))
    }
    return size
  }

  /// Returns the size of a text after its NULs are replaced; 0 for an entry without NULs, whose texts are used as they were read.
  private func replacedSize(_ range: Range<Int>?, _ block: EntryBlock) -> Int {
    guard decoded.hasNUL, let range else { return 0 }
    return block.bytes[range].reduce(0) { $0 + ($1 == 0 ? 3 : 1) }
  }
}
