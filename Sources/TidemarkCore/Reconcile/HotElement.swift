/// A JSON value, or the bytes of what is none.
enum ComparedJSON: Equatable, Sendable {
  case value(CanonicalJSON)
  case text([UInt8])

  init(_ text: String) { self = CanonicalJSON(text).map { .value($0) } ?? .text(Array(text.utf8)) }
}

/// A message or an open attempt of a call, as the function library and the ledger both write it: one JSON object of texts.
struct HotElement: Equatable, Sendable {
  /// Fields whose texts are JSON. An empty one counts as absent.
  private static let jsonFields = ["arguments", "parts", "usage", "meta"].map { Array($0.utf8) }

  private var texts: [[UInt8]: [UInt8]] = [:]
  private var values: [[UInt8]: ComparedJSON] = [:]
  private var tokens: Int64?

  /// Returns nil for what is not such an object.
  init?(_ text: String) {
    guard case .object(let members)? = CanonicalJSON(text) else { return nil }
    for (name, member) in members {
      guard case .string(let value) = member else { return nil }
      if Self.jsonFields.contains(name) {
        if !value.isEmpty { values[name] = ComparedJSON(String(decoding: value, as: UTF8.self)) }
      } else {
        texts[name] = value
      }
    }
    // Only Redis keeps it.
    remove("epoch")
    tokens = remove("tokens").flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
  }

  var entry: EntryID? { texts[Array("entry_id".utf8)].flatMap { EntryID(utf8: $0) } }

  /// Without the number of the change, which the ledger does not keep with an attempt.
  var withoutNumber: HotElement {
    var element = self
    element.remove("seq")
    return element
  }

  @discardableResult
  private mutating func remove(_ name: String) -> [UInt8]? { texts.removeValue(forKey: Array(name.utf8)) }
}

/// The fields of a session's own hash. What the function library keeps there for itself is left out.
struct SessionFields: Sendable {
  static let names = ["status", "agent", "user", "tenant", "title", "parent"]

  private(set) var texts: [String: [UInt8]] = [:]
  private(set) var meta: [[UInt8]: ComparedJSON] = [:]
  /// The kinds of context values by their keys; a value without one is a note.
  private(set) var kinds: [[UInt8]: [UInt8]] = [:]

  init(_ pairs: [String]) {
    for (name, value) in pairs.alternatingPairs {
      if Self.names.contains(name) {
        texts[name] = Array(value.utf8)
      } else if name.hasPrefix("meta.") {
        meta[Array(name.utf8.dropFirst("meta.".utf8.count))] = ComparedJSON(value)
      } else if name.hasPrefix("kind.") {
        kinds[Array(name.utf8.dropFirst("kind.".utf8.count))] = Array(value.utf8)
      }
    }
  }
}
