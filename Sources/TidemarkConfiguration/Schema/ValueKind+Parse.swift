internal import TidemarkCore

extension ValueKind {
  /// The error for a wrong value. Its text follows the key: `is "many", not a whole number`.
  struct Mismatch: Error {
    var what: String
    var hint: String
  }

  /// Parses a text. Lists are parsed by ``ConfigurationKey``; here a list is a text with commas, as in the environment.
  func parse(_ text: String, isSecret: Bool) throws(Mismatch) -> ParsedValue {
    switch self {
    case .text, .path: return try parseText(text, isSecret: isSecret)
    case .url(let schemes): return try parseURL(text, schemes: schemes)
    case .prefix: return try parsePrefix(text)
    case .identifier: return try parseIdentifier(text)
    case .address: return .text(try wanted(text, ListenAddress(text)).description)
    case .integer(let range):
      let number = try wanted(text, Self.digits(text[...]))
      return .integer(try within(range, number) { String($0) })
    case .percent(let range):
      let number = try wanted(text, text.hasSuffix("%") ? Self.digits(text.dropLast()) : nil)
      return .percent(try within(range, number) { "\($0)%" })
    case .boolean:
      return .boolean(try wanted(text, ["true": true, "false": false][text]))
    case .duration(let range):
      return .duration(try within(range, wanted(text, Duration(settingText: text))) { $0.settingText })
    case .bytes(let range):
      return .bytes(try within(range, wanted(text, ByteCount(text))) { $0.description })
    case .choice(let choices):
      guard choices.contains(text) else {
        let nearest = NearestName.of(text.lowercased(), in: choices)
        throw Mismatch(what: "is \(RawValue.quoted(text)), not \(noun)", hint: nearest.map { "did you mean \($0)?" } ?? hint)
      }
      return .text(text)
    case .list, .lanes:
      // Users usually leave out the brackets, but may paste them from a listing.
      let isBracketed = text.hasPrefix("[") && text.hasSuffix("]") && text.count > 1
      let items = (isBracketed ? text.dropFirst().dropLast() : text[...]).split(separator: ",")
      return .list(items.map(Self.trimmed).filter { !$0.isEmpty })
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  private static func digits(_ text: Substring) -> Int? {
    let unsigned = text.first == "-" ? text.dropFirst() : text
    return unsigned.allSatisfy { $0.isASCII && $0.isNumber } ? Int(text) : nil
  }

  private func wanted<T>(_ text: String, _ value: T?) throws(Mismatch) -> T {
    guard let value else { throw Mismatch(what: "is \(RawValue.quoted(text)), not \(noun)", hint: hint) }
    return value
  }

  private func within<T>(_ range: ClosedRange<T>, _ value: T, shown: (T) -> String) throws(Mismatch) -> T {
    guard !range.contains(value) else { return value }
    let isBelow = value < range.lowerBound
    let bound = shown(isBelow ? range.lowerBound : range.upperBound)
    throw Mismatch(
      what: "is \(shown(value)), \(isBelow ? "below" : "above") \(bound)",
      hint: "use \(shown(range.lowerBound)) to \(shown(range.upperBound))")
  }

  private func parseText(_ text: String, isSecret: Bool) throws(Mismatch) -> ParsedValue {
    guard !text.isEmpty else { throw Mismatch(what: "is empty", hint: "give it a value or leave the line out") }
    guard !text.unicodeScalars.contains("\0") else {
      throw Mismatch(what: "contains a NUL character", hint: "remove the character")
    }
    return .text(text)
  }

  /// Parses a URL. Messages show nothing of the text, because an invalid URL may still contain a password.
  private func parseURL(_ text: String, schemes: [String]) throws(Mismatch) -> ParsedValue {
    let url = ServerURL(text)
    if schemes == RedisURL.schemes {
      do {
        _ = try RedisURL(url)
      } catch {
        throw Mismatch(what: error.what, hint: error.hint)
      }
      return .text(text)
    }
    guard let parts = url.parts else { throw Mismatch(what: "is not a URL", hint: hint) }
    guard schemes.contains(String(parts.scheme)) else { throw Mismatch(what: "has a scheme other than \(schemes[0])://", hint: hint) }
    return .text(text)
  }

  private func parsePrefix(_ text: String) throws(Mismatch) -> ParsedValue {
    guard !text.isEmpty else { throw Mismatch(what: "is empty", hint: hint) }
    guard !text.contains(where: { "{}*?[]^\\".contains($0) || $0.isWhitespace || $0.asciiValue.map { $0 < 32 } == true }) else {
      throw Mismatch(what: "is \(RawValue.quoted(text)), with a brace, blank or glob character", hint: hint)
    }
    guard text.utf8.count <= 128 else { throw Mismatch(what: "is longer than 128 bytes", hint: hint) }
    return .text(text)
  }

  private func parseIdentifier(_ text: String) throws(Mismatch) -> ParsedValue {
    guard !text.isEmpty else { throw Mismatch(what: "is empty", hint: hint) }
    guard !text.hasPrefix("pg_"), text != "information_schema" else {
      throw Mismatch(what: "is \(RawValue.quoted(text)), which PostgreSQL reserves", hint: hint)
    }
    let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    guard isPlain, text.first?.isNumber == false else {
      throw Mismatch(what: "is \(RawValue.quoted(text)), not \(noun)", hint: hint)
    }
    guard text.utf8.count <= 63 else {
      throw Mismatch(what: "is longer than 63 bytes, which PostgreSQL would truncate", hint: "choose a shorter name")
    }
    return .text(text)
  }
}
