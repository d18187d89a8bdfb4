/// A YAML text in which keys can be made unique without moving other text.
struct MaskedText {
  struct Mask {
    var name: String
    var position: TextPosition
  }

  private var scalars: [Unicode.Scalar]
  /// The masked keys, by the first character of their mask.
  private(set) var masks: [Character: Mask] = [:]

  init(_ text: String) {
    scalars = Array(text.unicodeScalars)
  }

  var text: String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  /// Replaces the characters of a key with characters of Unicode's private use area. Returns false if the key is not written there
  /// literally (an alias, an escape), or if there are too many keys.
  mutating func mask(_ name: String, at position: TextPosition) -> Bool {
    let wanted = Array(name.unicodeScalars)
    guard !wanted.isEmpty, masks.count < 1000, var start = index(of: position) else { return false }
    if start < scalars.count, scalars[start] == "\"" || scalars[start] == "'" { start += 1 }
    guard start + wanted.count <= scalars.count, scalars[start..<start + wanted.count].elementsEqual(wanted),
      let first = Unicode.Scalar(0xE000 + UInt32(masks.count))
    else { return false }
    for offset in wanted.indices { scalars[start + offset] = first }
    masks[Character(first)] = Mask(name: name, position: position)
    return true
  }

  private func index(of position: TextPosition) -> Int? {
    var line = 1
    var index = 0
    while line < position.line {
      guard index < scalars.count else { return nil }
      let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
      if ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalars[index]) { line += 1 }
      index += isPair ? 2 : 1
    }
    return index + position.column - 1
  }
}
