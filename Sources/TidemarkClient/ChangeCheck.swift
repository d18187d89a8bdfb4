internal import TidemarkCore

/// Checks changes by the rules by which a worker decodes them, so that nothing is written that would become a dead letter.
enum ChangeCheck {
  /// Limits that a worker's settings may lower; the function library compares with those.
  private static let limits = EntryDecoder.Limits(maxEntryBytes: 512 << 20, maxFields: 3_900, replacesNUL: false)

  /// Throws ``ClientError`` with code `invalid`.
  static func check(_ change: Change, session: String) throws(ClientError) {
    if let own = change.fields.first(where: { ["type", "session", "seq", "epoch"].contains($0.name) }) {
      throw ClientError(.invalid(field: own.name), "the field \(own.name) is written by the function")
    }
    let texts = ["type", change.type, "session", session] + change.fields.flatMap { [$0.name, $0.value] }
    let block = EntryBlock(id: EntryID(ms: UInt64(SystemClock().milliseconds), no: 0), raw: texts.map { Array($0.utf8) })
    var decoder = EntryDecoder(limits: limits)
    var decoded = DecodedEntry()
    do {
      try decoder.decode(block.entries[0], of: block, into: &decoded)
    } catch {
      // Every detail names its field: "the field role is missing".
      let field = error.detail.firstMatch(of: /\bfields? '?([^\s']+)/).map { String($0.1) } ?? ""
      throw ClientError(.invalid(field: field), "\(error.reason.rawValue): \(error.detail)")
    }
  }
}
