/// A value as it was written, before anybody knows its type.
struct RawValue: Sendable {
  indirect enum Content: Sendable {
    case null
    case text(String)
    case list([RawValue])
    case map([Pair])
  }

  struct Pair: Sendable {
    var key: String
    var position: TextPosition
    var value: RawValue
    /// Where the same map already has this key.
    var earlier: TextPosition?
  }

  var content: Content
  /// Nil outside a file.
  var position: TextPosition?

  init(_ content: Content, at position: TextPosition? = nil) {
    self.content = content
    self.position = position
  }

  /// What it is in words, for messages about a wrong type. The text itself is shown for settings that are no secret.
  func described(hidingText: Bool) -> String {
    switch content {
    case .null: "empty"
    case .text(let text): hidingText ? "a text" : Self.quoted(text)
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// Of a bearable length, whatever was typed.
  static func quoted(_ text: String) -> String {
    "\"\(text.prefix(60))\(text.count > 60 ? "..." : "")\""
  }
}
