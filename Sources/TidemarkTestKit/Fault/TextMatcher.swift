/// Looks for one text in bytes that come piece by piece (Knuth, Morris and Pratt): no byte is kept, none is looked at twice.
struct TextMatcher {
  private let text: [UInt8]
  /// For each prefix, the length of the longest shorter prefix that it ends with.
  private let fallback: [Int]
  private var matched = 0

  init(_ text: String) {
    let bytes = Array(text.utf8)
    var fallback = Array(repeating: 0, count: bytes.count)
    var length = 0
    for index in bytes.indices.dropFirst() {
      while length > 0, bytes[index] != bytes[length] { length = fallback[length - 1] }
      if bytes[index] == bytes[length] { length += 1 }
      fallback[index] = length
    }
    self.text = bytes
    self.fallback = fallback
  }

  /// Whether the text is complete within `piece`. Once it is, the matcher has done its work.
  mutating func isCompleted(by piece: some Sequence<UInt8>) -> Bool {
    for byte in piece {
      while matched > 0, byte != text[matched] { matched = fallback[matched - 1] }
      if byte == text[matched] { matched += 1 }
      if matched == text.count { return true }
    }
    return false
  }
}
