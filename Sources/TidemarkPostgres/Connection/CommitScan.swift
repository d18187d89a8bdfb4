/// Whether a text of SQL can commit a transaction: decides if a lost answer leaves the outcome unknown.
///
/// Looks at the first word of each statement and steps over quoted text and comments. Errs towards "may commit": a needless
/// look at the cursor costs a round trip, a missed one costs a duplicate.
enum CommitScan {
  /// - Parameter isIdle: no transaction block is open when the text is sent, so that a statement commits by itself.
  static func mayCommit(_ sql: String, isIdle: Bool) -> Bool {
    var isOpen = !isIdle
    return mayCommit(sql, isOpen: &isOpen)
  }

  static func mayCommit(_ statements: [PostgresStatement], isIdle: Bool) -> Bool {
    var isOpen = !isIdle
    for statement in statements where mayCommit(statement.sql, isOpen: &isOpen) { return true }
    return false
  }

  private static func mayCommit(_ sql: String, isOpen: inout Bool) -> Bool {
    var text = sql
    return text.withUTF8 { bytes in
      var reader = Reader(bytes: bytes)
      while let word = reader.nextFirstWord() {
        switch word {
        case "commit", "end", "prepare":
          return true
        case "begin", "start":
          isOpen = true
        case "set", "show", "rollback", "abort", "discard", "deallocate", "listen":
          if word == "rollback" || word == "abort" { isOpen = false }
        default:
          if !isOpen { return true }
        }
      }
      return false
    }
  }

  private struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0

    init(bytes: UnsafeBufferPointer<UInt8>) {
      self.bytes = bytes
    }

    private func byte(_ offset: Int) -> UInt8 {
      index + offset < bytes.count ? bytes[index + offset] : 0
    }

    /// The next statement's first word, in lower case; the reader then stands behind that statement.
    mutating func nextFirstWord() -> String? {
      var word: [UInt8] = []
      var isInWord = false
      while index < bytes.count {
        let current = bytes[index]
        if isLetter(current), word.isEmpty || isInWord {
          isInWord = true
          word.append(current | 0x20)
          index += 1
          continue
        }
        isInWord = false
        if current == UInt8(ascii: ";") {
          index += 1
          if !word.isEmpty { break }
          continue
        }
        skip()
      }
      return word.isEmpty ? nil : String(decoding: word, as: UTF8.self)
    }

    /// Steps over one byte, or over a whole comment or quotation.
    private mutating func skip() {
      switch (bytes[index], byte(1)) {
      case (UInt8(ascii: "-"), UInt8(ascii: "-")):
        while index < bytes.count, bytes[index] != 0x0A { index += 1 }
      case (UInt8(ascii: "/"), UInt8(ascii: "*")):
        skipComment()
      case (UInt8(ascii: "'"), _):
        // E'...' knows backslashes; type'...' does not.
        let isEscaped = index > 0 && bytes[index - 1] | 0x20 == UInt8(ascii: "e") && !(index > 1 && isNamePart(bytes[index - 2]))
        skipQuoted(UInt8(ascii: "'"), backslash: isEscaped)
      case (UInt8(ascii: "\""), _):
        skipQuoted(UInt8(ascii: "\""), backslash: false)
      case (UInt8(ascii: "$"), _):
        skipDollarQuoted()
      default:
        index += 1
      }
    }

    private mutating func skipComment() {
      var depth = 0
      while index < bytes.count {
        if bytes[index] == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
          depth += 1
          index += 2
        } else if bytes[index] == UInt8(ascii: "*"), byte(1) == UInt8(ascii: "/") {
          depth -= 1
          index += 2
          if depth == 0 { return }
        } else {
          index += 1
        }
      }
    }

    private mutating func skipQuoted(_ quote: UInt8, backslash: Bool) {
      index += 1
      while index < bytes.count {
        let current = bytes[index]
        index += 1
        if backslash, current == UInt8(ascii: "\\") { index += 1 }
        if current == quote { return }
      }
    }

    private mutating func skipDollarQuoted() {
      var end = index + 1
      while end < bytes.count, isNamePart(bytes[end]) { end += 1 }
      guard end < bytes.count, bytes[end] == UInt8(ascii: "$"), !(0x30...0x39).contains(byte(1)) else {
        index += 1
        return
      }
      let tag = bytes[index...end]
      index = end + 1
      while index + tag.count <= bytes.count {
        if bytes[index] == UInt8(ascii: "$"), bytes[index..<index + tag.count].elementsEqual(tag) {
          index += tag.count
          return
        }
        index += 1
      }
      index = bytes.count
    }

    private func isNamePart(_ byte: UInt8) -> Bool {
      isLetter(byte) || byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || byte >= 0x80
    }

    private func isLetter(_ byte: UInt8) -> Bool {
      (0x61...0x7A).contains(byte | 0x20)
    }
  }
}
