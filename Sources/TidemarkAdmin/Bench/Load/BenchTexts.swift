internal import TidemarkCore

/// Returns slices of one long text, because making a load must not take longer than draining it.
struct BenchTexts: Sendable {
  private static let words = [
    "harbour", "tide", "log", "keel", "agent", "waits", "answers", "plans", "measures", "corrects", "writes", "reads", "\"quoted\"", "the",
    "of", "and", "to", "with", "because", "until", "Zürich", "東京", "line\nbreak",
  ]

  private let text: [UInt8]
  private var random: SeededGenerator

  init(seed: UInt64) {
    var random = SeededGenerator(seed: ~seed)
    text = Array((0..<20_000).map { _ in Self.words[Int(random.next() % UInt64(Self.words.count))] }.joined(separator: " ").utf8)
    self.random = random
  }

  /// Returns about `count` bytes of UTF-8.
  mutating func take(_ count: Int) -> [UInt8] { Array(slice(count)) }

  /// Returns a JSON object with a text of about `count` bytes as its value.
  mutating func takeJSON(_ count: Int) -> [UInt8] {
    var json = Array(#"{"text": ""#.utf8)
    json.reserveCapacity(count + 40)
    for byte in slice(count) {
      switch byte {
      case UInt8(ascii: "\""): json += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "\n"): json += Array(#"\n"#.utf8)
      default: json.append(byte)
      }
    }
    return json + Array(#""}"#.utf8)
  }

  private mutating func slice(_ count: Int) -> ArraySlice<UInt8> {
    var start = Int(random.next() % UInt64(text.count - count - 8))
    // A slice must not begin in the middle of a character.
    while text[start] & 0xC0 == 0x80 { start += 1 }
    var end = start + count
    while text[end] & 0xC0 == 0x80 { end += 1 }
    return text[start..<end]
  }
}
