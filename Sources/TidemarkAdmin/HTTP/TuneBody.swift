internal import Foundation
internal import TidemarkCore

/// The body of a request to `/api/tune`: one JSON object with `set` (setting -> value), `reset` (a list of settings, `[]` for all) or
/// `"undo": true`, and optionally `lanes` (a pattern), `by` and `why`.
enum TuneBody {
  private static let form =
    #"send {"set": {"batch.max_entries": 1000}}, {"reset": ["batch.max_entries"]} or {"undo": true}, and optionally "lanes", "by", "why""#

  /// Throws ``TuneRefusal`` for a body that is not one order.
  static func order(_ body: String) throws(TuneRefusal) -> TuneOrder {
    guard case .map(let fields)? = try? JSONDecoder().decode(Value.self, from: Data(body.utf8)) else {
      throw refusal("the body is not a JSON object")
    }
    let known: Set = ["set", "reset", "undo", "lanes", "by", "why"]
    if let other = fields.keys.filter({ !known.contains($0) }).min() { throw refusal("\(JSONText.quoted(other)) is not known") }
    let action = try action(fields)
    let by = try text("by", fields)
    return TuneOrder(action, lanes: try text("lanes", fields), by: by.map { "\($0) (http)" } ?? "http", why: try text("why", fields))
  }

  private static func action(_ fields: [String: Value]) throws(TuneRefusal) -> TuneOrder.Action {
    let actions = ["set", "reset", "undo"].compactMap { name in fields[name].map { (name, $0) } }
    guard actions.count == 1 else { throw refusal("the body must have one of set, reset and undo") }
    switch actions[0] {
    case ("set", .map(let values)) where !values.isEmpty:
      var pairs: [TuneOrder.Pair] = []
      for (key, value) in values.sorted(by: { $0.key < $1.key }) {
        guard case .text(let text) = value else { throw refusal("the value of \(JSONText.quoted(key)) is not a text or a number") }
        pairs.append(.init(key: key, value: text))
      }
      return .set(pairs)
    case ("reset", .list(let values)):
      let keys = values.compactMap { if case .text(let text) = $0 { text } else { nil } }
      guard keys.count == values.count else { throw refusal("reset is not a list of settings") }
      return .reset(keys)
    case ("undo", .text("true")) where fields["lanes"] == nil: return .undo
    case (let name, _): throw refusal("\(name) has another form")
    }
  }

  private static func text(_ name: String, _ fields: [String: Value]) throws(TuneRefusal) -> String? {
    guard let value = fields[name] else { return nil }
    guard case .text(let text) = value, !text.isEmpty else { throw refusal("\(name) is not a text, or is empty") }
    return text
  }

  private static func refusal(_ what: String) -> TuneRefusal { TuneRefusal(.wrong, "tune: \(what); \(form)") }

  /// A value of the body. Numbers and flags count as their text, as in a configuration file.
  private enum Value: Decodable {
    case text(String)
    case list([Value])
    case map([String: Value])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .text(String(flag))
      } else if let number = try? container.decode(Int.self) {
        self = .text(String(number))
      } else if let text = try? container.decode(String.self) {
        self = .text(text)
      } else if let list = try? container.decode([Value].self) {
        self = .list(list)
      } else {
        self = .map(try container.decode([String: Value].self))
      }
    }
  }
}
