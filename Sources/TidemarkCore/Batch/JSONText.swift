/// Writes JSON from texts and fields that are known to be valid UTF-8.
package enum JSONText {
  /// Returns a text as a JSON string that holds no characters for a terminal to execute.
  package static func quoted(_ text: String) -> String {
    var output: [UInt8] = []
    appendString(text.utf8, to: &output)
    return ForeignText.json(String(decoding: output, as: UTF8.self))
  }

  /// Appends an object whose values are the fields' values as strings.
  static func appendObject(texts fields: [EntryBlock.Field], of bytes: [UInt8], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "{"))
    appendMembers(texts: fields, of: bytes, isFirst: true, to: &output)
    output.append(UInt8(ascii: "}"))
  }

  /// Appends an object whose values are the fields' values as JSON.
  static func appendObject(
    values fields: [EntryBlock.Field], of bytes: [UInt8], droppingPrefix prefix: Int, replacing: Bool, to output: inout [UInt8]
  ) {
    output.append(UInt8(ascii: "{"))
    appendMembers(values: fields, of: bytes, droppingPrefix: prefix, replacing: replacing, isFirst: true, to: &output)
    output.append(UInt8(ascii: "}"))
  }

  static func appendMembers(texts fields: [EntryBlock.Field], of bytes: [UInt8], isFirst: Bool, to output: inout [UInt8]) {
    var isFirst = isFirst
    for field in fields {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      appendString(bytes[field.name], to: &output)
      output.append(UInt8(ascii: ":"))
      appendString(bytes[field.value], to: &output)
    }
  }

  static func appendMembers(
    values fields: [EntryBlock.Field], of bytes: [UInt8], droppingPrefix prefix: Int, replacing: Bool, isFirst: Bool,
    to output: inout [UInt8]
  ) {
    var isFirst = isFirst
    for field in fields {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      appendString(bytes[field.name].dropFirst(prefix), to: &output)
      output.append(UInt8(ascii: ":"))
      appendValue(bytes[field.value], replacing: replacing, to: &output)
    }
  }

  /// Appends a JSON value as it was written.
  ///
  /// - Parameter replacing: whether escapes that jsonb can't hold become the escape of U+FFFD, which has the same length. Nothing else
  ///   changes.
  static func appendValue(_ value: ArraySlice<UInt8>, replacing: Bool, to output: inout [UInt8]) {
    guard replacing else { return output.append(contentsOf: value) }
    value.withUnsafeBufferPointer { value in
      var at = 0
      while at < value.count {
        let escape = value[at] == UInt8(ascii: "\\") ? JSONEscape(at: at, in: value) : nil
        switch escape {
        case .nul, .loneSurrogate:
          output.append(contentsOf: "\\uFFFD".utf8)
          at += 6
        case .character(let length):
          output.append(contentsOf: value[at..<at + length])
          at += length
        case nil:
          output.append(value[at])
          at += 1
        }
      }
    }
  }

  /// Returns the number of bytes that ``appendObject(texts:of:to:)`` writes, or a few less.
  static func size(texts fields: [EntryBlock.Field], of bytes: [UInt8]) -> Int {
    fields.reduce(2) { $0 + 2 + size(ofString: bytes[$1.name]) + size(ofString: bytes[$1.value]) }
  }

  /// Returns about the number of bytes that ``appendObject(values:of:droppingPrefix:replacing:to:)`` writes.
  static func size(values fields: [EntryBlock.Field], of bytes: [UInt8]) -> Int {
    fields.reduce(2) { $0 + 2 + size(ofString: bytes[$1.name]) + $1.value.count }
  }

  /// Returns the number of bytes that ``appendString(_:to:)`` writes.
  static func size(ofString text: ArraySlice<UInt8>) -> Int {
    text.withUnsafeBufferPointer { text in
      var size = 2 + text.count
      for byte in text {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): size += 1
        case 0: size += 2
        case 1..<0x20: size += 5
        default: break
        }
      }
      return size
    }
  }

  /// Appends a string in quotes. A NUL, which jsonb can't hold, becomes U+FFFD; texts with NULs get here only where the operator asked for
  /// that with `text.unstorable: replace`.
  static func appendString(_ text: some Collection<UInt8>, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output.append(UInt8(ascii: "\\"))
        output.append(byte)
      case 0: output.append(contentsOf: "\u{FFFD}".utf8)
      case 1..<0x20:
        output.append(contentsOf: "\\u00".utf8)
        Hex.append(CollectionOfOne(byte), to: &output)
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
