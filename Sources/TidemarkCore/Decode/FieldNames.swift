/// Finds the meaning of a field's name without making a string of the name.
struct FieldNames: Sendable {
  enum EnvelopeSlot: Sendable {
    case type, session, eventID, seq, epoch, time, actor, trace, version, ephemeral

    /// Whether the field is an optional number, for which an empty value counts as absent.
    var isNumber: Bool { self == .seq || self == .epoch || self == .time || self == .version }
  }

  private struct Known: Sendable {
    var name: [UInt8]
    var slot: Int
  }

  private let types: [[UInt8]]
  private let fields: [[Known]]
  private let prefixes: [[UInt8]?]

  init(catalog: [ChangeType]) {
    types = catalog.map { Array($0.name.utf8) }
    fields = catalog.map { type in type.fields.enumerated().map { Known(name: Array($1.name.utf8), slot: $0) } }
    prefixes = catalog.map { $0.jsonPrefix.map { Array($0.utf8) } }
  }

  func type(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>) -> Int? {
    types.firstIndex { Self.matches(bytes, name, $0) }
  }

  func slot(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>, type: Int) -> Int? {
    fields[type].first { Self.matches(bytes, name, $0.name) }?.slot
  }

  func hasPrefix(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>, type: Int) -> Bool {
    guard let prefix = prefixes[type], name.count > prefix.count else { return false }
    return Self.matches(bytes, name.lowerBound..<name.lowerBound + prefix.count, prefix)
  }

  static func envelopeSlot(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>) -> EnvelopeSlot? {
    func named(_ text: StaticString) -> Bool {
      guard let base = bytes.baseAddress, text.utf8CodeUnitCount == name.count else { return false }
      for offset in 0..<name.count where base[name.lowerBound + offset] != text.utf8Start[offset] { return false }
      return true
    }
    switch name.count {
    case 1: return named("v") ? .version : nil
    case 2: return named("ts") ? .time : nil
    case 3: return named("seq") ? .seq : nil
    case 4: return named("type") ? .type : nil
    case 5: return named("epoch") ? .epoch : named("actor") ? .actor : named("trace") ? .trace : nil
    case 7: return named("session") ? .session : nil
    case 8: return named("event_id") ? .eventID : nil
    case 9: return named("ephemeral") ? .ephemeral : nil
    default: return nil
    }
  }

  private static func matches(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>, _ known: [UInt8]) -> Bool {
    name.count == known.count && bytes[name].elementsEqual(known)
  }

  /// Returns a name as a message may show it: printable, short, quoted.
  static func shown(_ bytes: UnsafeBufferPointer<UInt8>, _ name: Range<Int>) -> String {
    let text = String(decoding: bytes[name.prefix(64)], as: UTF8.self)
      .map { $0.isASCII && ($0 < " " || $0 == "\u{7F}") ? "\u{FFFD}" : $0 }
    return "'\(String(text))\(name.count > 64 ? "..." : "")'"
  }
}
