/// A value as it was written, before it is parsed as its setting's type.
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
    /// The position of the same key earlier in the map; nil if the key is not repeated.
    var earlier: TextPosition?
  }

  var content: Content
  /// The position in the file; nil for other sources.
  var position: TextPosition?

  init(_ content: Content, at position: TextPosition? = nil) {
    self.content = content
    self.position = position
  }

  /// Returns a description of the value for messages about a wrong type. The text itself is shown only for settings that are not secret.
  func described(hidingText: Bool) -> String {
    switch content {
    case .null: "empty"
    case .text(let text): hidingText ? "a text" : Self.quoted(text)
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// Returns the text in quotes, shortened to 60 characters.
  static func quoted(_ text: String) -> String {
    "\"\(text.prefix(60))\(text.count > 60 ? "..." : "")\""
  }
}
