/// A pattern of stream names in the syntax of Redis' `SCAN ... MATCH`: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\x`.
///
/// It is read exactly as `stringmatchlen` of Redis' `util.c` does, byte by byte, so that a result about two patterns holds on the server.
package struct GlobPattern: Hashable, Sendable {
  enum Token: Hashable, Sendable {
    /// `*`: any run of bytes, an empty one, too.
    case run
    /// One byte out of a set.
    case one(ByteSet)
  }

  /// A set of byte values.
  struct ByteSet: Hashable, Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    static let all = ByteSet().inverted

    mutating func insert(_ byte: UInt8) {
      let bit = UInt64(1) << UInt64(byte & 63)
      switch byte >> 6 {
      case 0: words.0 |= bit
      case 1: words.1 |= bit
      case 2: words.2 |= bit
      default: words.3 |= bit
      }
    }

    var inverted: ByteSet {
      var set = self
      set.words = (~words.0, ~words.1, ~words.2, ~words.3)
      return set
    }

    var isEmpty: Bool { words == (0, 0, 0, 0) }

    func overlaps(_ other: ByteSet) -> Bool {
      words.0 & other.words.0 != 0 || words.1 & other.words.1 != 0 || words.2 & other.words.2 != 0
        || words.3 & other.words.3 != 0
    }

    static func == (left: ByteSet, right: ByteSet) -> Bool { left.words == right.words }

    func hash(into hasher: inout Hasher) {
      hasher.combine(words.0)
      hasher.combine(words.1)
      hasher.combine(words.2)
      hasher.combine(words.3)
    }
  }

  let tokens: [Token]
  /// Whether every `[` is closed. Redis reads a pattern with an open `[` in its own way, but a person has mistyped it.
  package let isWellFormed: Bool

  package init(_ text: String) {
    var bytes = Array(text.utf8)[...]
    var tokens: [Token] = []
    var isWellFormed = true
    while let byte = bytes.popFirst() {
      switch byte {
      case UInt8(ascii: "*"):
        if tokens.last != .run { tokens.append(.run) }
      case UInt8(ascii: "?"):
        tokens.append(.one(.all))
      case UInt8(ascii: "["):
        tokens.append(.one(Self.readSet(from: &bytes, isWellFormed: &isWellFormed)))
      case UInt8(ascii: "\\"):
        // A backslash at the very end stands for itself.
        tokens.append(Self.literal(bytes.popFirst() ?? byte))
      default:
        tokens.append(Self.literal(byte))
      }
    }
    self.tokens = tokens
    self.isWellFormed = isWellFormed
  }

  /// Creates a pattern that matches only this name.
  package init(literal name: String) {
    tokens = name.utf8.map(Self.literal)
    isWellFormed = true
  }

  private static func literal(_ byte: UInt8) -> Token {
    var set = ByteSet()
    set.insert(byte)
    return .one(set)
  }

  /// Reads the set that follows `[`. As in Redis, `X-Y` is a range in either direction even where Y is `]`, and `[]` matches nothing.
  private static func readSet(from bytes: inout ArraySlice<UInt8>, isWellFormed: inout Bool) -> ByteSet {
    var set = ByteSet()
    let isInverted = bytes.first == UInt8(ascii: "^")
    if isInverted { bytes.removeFirst() }
    while let byte = bytes.popFirst() {
      if byte == UInt8(ascii: "\\"), let escaped = bytes.popFirst() {
        set.insert(escaped)
      } else if byte == UInt8(ascii: "]") {
        return isInverted ? set.inverted : set
      } else if bytes.count >= 2, bytes.first == UInt8(ascii: "-") {
        bytes.removeFirst()
        let end = bytes.removeFirst()
        for member in min(byte, end)...max(byte, end) { set.insert(member) }
      } else {
        set.insert(byte)
      }
    }
    isWellFormed = false
    return isInverted ? set.inverted : set
  }

  /// Returns the pattern that matches exactly this text.
  package static func escaped(_ text: String) -> String {
    text.reduce(into: "") { pattern, character in
      if "*?[]\\^".contains(character) { pattern.append("\\") }
      pattern.append(character)
    }
  }
}
