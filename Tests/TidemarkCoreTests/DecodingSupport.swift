import Testing

@testable import TidemarkCore

/// The result of decoding one hand-made entry.
enum Decoded {
  case change(DecodedEntry, EntryBlock)
  case rejected(Rejection, session: String)

  var rejection: Rejection? {
    if case .rejected(let rejection, _) = self { return rejection }
    return nil
  }

  var change: DecodedEntry? {
    if case .change(let decoded, _) = self { return decoded }
    return nil
  }
}

func decode(
  _ fields: [RawField], id: EntryID = EntryID(ms: 1_000, no: 0), maxEntryBytes: Int = 1 << 20, replacesNUL: Bool = false
) -> Decoded {
  decode(EntryBlock.of(fields, id: id), maxEntryBytes: maxEntryBytes, replacesNUL: replacesNUL)
}

func decode(_ block: EntryBlock, maxEntryBytes: Int = 1 << 20, replacesNUL: Bool = false) -> Decoded {
  var decoder = EntryDecoder(limits: EntryDecoder.Limits(maxEntryBytes: maxEntryBytes, replacesNUL: replacesNUL))
  var decoded = DecodedEntry()
  do throws(Rejection) {
    try decoder.decode(block.entries[0], of: block, into: &decoded)
    return .change(decoded, block)
  } catch {
    return .rejected(error, session: block.text(decoded.session))
  }
}

/// A change of the type with its session and these fields.
func change(_ type: String, _ fields: [RawField] = []) -> [RawField] { [["type", type], ["session", "s"]] + fields }

func text(_ count: Int) -> String { String(repeating: "x", count: count) }

extension JSONCheck {
  /// Returns what is wrong with a value that is the whole entry, or that has room for numbers of any size.
  static func problem(
    in bytes: [UInt8], wantsArray: Bool = false, entryBytes: Int? = nil, replacing: Bool = false
  ) -> String? {
    var room = NumberRoom(entryBytes: entryBytes ?? bytes.count)
    var escapes = UnstorableEscapes(areReplaced: replacing)
    return bytes.withUnsafeBufferPointer { problem(in: $0, wantsArray: wantsArray, room: &room, escapes: &escapes) }
  }
}
