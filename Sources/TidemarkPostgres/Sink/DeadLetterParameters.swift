internal import TidemarkCore

/// Dead letters and divergences as parameters: rare, so written for clarity.
extension BatchParameters {
  /// The first bytes of a field that an oversized entry keeps.
  static let keptBytes = 4096

  func deadLetters(_ rejected: [BatchOutcome.Rejected]) -> [PostgresValue] {
    let entries = rejected.map { batch.entries[$0.entry] }
    // The bytes of all of them in one array, and of each its first and last place in it: what is large is sent once and as it is.
    var parts: [ArraySlice<UInt8>] = []
    var isComplete: [Bool] = []
    var bounds: [(first: Int64, last: Int64)] = []
    for (entry, letter) in zip(entries, rejected) {
      let first = Int64(parts.count + 1)
      isComplete.append(letter.isForgotten ? false : appendRaw(entry, cut: letter.rejection.isCut, to: &parts))
      bounds.append((first, Int64(parts.count)))
    }
    return [
      .textArray(strings: entries.map { batch.segments[$0.lane].lane }),
      .integerArray(entries.map { $0.id.ledgerMS }),
      .integerArray(entries.map { $0.id.ledgerNo }),
      cells.array(of: .text, count: entries.count) { rejected[$0].isForgotten ? .null : entries[$0].session },
      cells.array(of: .text, count: entries.count) { rejected[$0].isForgotten ? .null : entries[$0].eventID },
      .textArray(strings: rejected.map(\.rejection.reason.rawValue)),
      .textArray(strings: rejected.map { $0.rejection.detail + lengths(batch.entries[$0.entry], $0.rejection) }),
      .textArray(strings: rejected.map(\.rejection.sqlstate)),
      .textArray(strings: isComplete.map { $0 ? "t" : "f" }),
      .byteaArray(entries.map { $0.digest == .none ? nil : $0.digest.bytes[...] }),
      .integerArray(bounds.map(\.first)),
      .integerArray(bounds.map(\.last)),
      .byteaArray(parts),
    ]
  }

  /// Producers' ids that were used for another content, and positions that hold another content.
  func divergences(_ outcome: BatchOutcome) -> [PostgresValue]? {
    var rows: [(entry: BatchEntry, kind: String, detail: String)] = []
    for rejected in outcome.deadLetters
    where rejected.rejection.reason == .idReused && rejected.rejection != .divergent {
      let entry = batch.entries[rejected.entry]
      rows.append((entry, "id_reused", "entry \(entry.id): \(rejected.rejection.detail)"))
    }
    for index in outcome.divergent {
      let entry = batch.entries[index]
      rows.append((entry, "content", "entry \(entry.id) has another content than the one that is in Postgres"))
    }
    guard !rows.isEmpty else { return nil }
    return [
      .textArray(strings: rows.map { batch.segments[$0.entry.lane].lane }),
      array { literal in rows.forEach { append($0.entry.session, to: &literal) } },
      .textArray(strings: rows.map(\.kind)),
      .textArray(strings: rows.map(\.detail)),
    ]
  }

  /// Adds names and values as they came; answers whether they are whole.
  private func appendRaw(_ entry: BatchEntry, cut: Bool, to parts: inout [ArraySlice<UInt8>]) -> Bool {
    let block = batch.blocks[entry.block]
    var isComplete = block.oversized(block.entries[entry.indexInBlock]) == nil
    for (index, field) in zip(fieldIndices(entry), block.fields(of: block.entries[entry.indexInBlock])) {
      for part in [field.name, field.value] {
        let kept = cut ? part.prefix(Self.keptBytes) : part
        if kept.count < part.count { isComplete = false }
        parts.append(block.bytes[kept])
      }
      if block.truncations.contains(where: { $0.field == index }) { isComplete = false }
    }
    return isComplete
  }

  /// What an oversized entry was: the length of each field, and the digest of those that the reader cut.
  private func lengths(_ entry: BatchEntry, _ rejection: Rejection) -> String {
    guard rejection.isCut else { return "" }
    let block = batch.blocks[entry.block]
    let fields = zip(fieldIndices(entry), block.fields(of: block.entries[entry.indexInBlock])).prefix(32).map { index, field in
      let name = String(decoding: block.bytes[field.name.prefix(64)].filter { $0 >= 0x20 }, as: UTF8.self)
      guard let whole = block.truncations.first(where: { $0.field == index }) else { return "\(name) \(field.valueLength) bytes" }
      return "\(name) \(whole.length) bytes, sha256 \(Hex.text(whole.digest))"
    }
    return ": " + fields.joined(separator: "; ")
  }

  private func fieldIndices(_ entry: BatchEntry) -> Range<Int> {
    let source = batch.blocks[entry.block].entries[entry.indexInBlock]
    return Int(source.firstField)..<Int(source.firstField) + Int(source.fieldCount)
  }
}

extension BatchOutcome.Rejected {
  /// Whether nothing of the entry may be kept. The table refuses it, too; it is not even sent.
  fileprivate var isForgotten: Bool { rejection == .forgotten }
}
