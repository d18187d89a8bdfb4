/// The type and the range of a setting.
package enum ValueKind: Sendable {
  case text
  case url(schemes: [String])
  case prefix
  case identifier
  case address
  case path
  case integer(ClosedRange<Int>)
  case percent(ClosedRange<Int>)
  case boolean
  case duration(ClosedRange<Duration>)
  case bytes(ClosedRange<ByteCount>)
  case choice([String])
  case list
  case lanes

  /// The type on the reference page.
  package var title: String {
    switch self {
    case .text: "text"
    case .url(let schemes): "URL (\(schemes.map { "`\($0)://`" }.joined(separator: ", ")))"
    case .prefix: "text without braces, blanks and glob characters"
    case .identifier: "name of a schema: letters, digits, `_`"
    case .address: "`host:port` or `off`"
    case .path: "path of a file"
    case .integer(let range): "integer, \(range.lowerBound) to \(range.upperBound)"
    case .percent(let range): "percentage, \(range.lowerBound)% to \(range.upperBound)%"
    case .boolean: "`true` or `false`"
    case .duration(let range): "duration, \(range.lowerBound.settingText) to \(range.upperBound.settingText)"
    case .bytes(let range): "size, \(range.lowerBound) to \(range.upperBound)"
    case .choice(let choices): "one of " + choices.map { "`\($0)`" }.joined(separator: ", ")
    case .list: "list of texts"
    case .lanes: "list of maps"
    }
  }

  /// The unit of values, as listings show it.
  package var unit: String {
    switch self {
    case .integer: "number"
    case .percent: "percentage"
    case .duration: "duration"
    case .bytes: "size"
    case .boolean: "switch"
    case .choice: "word"
    case .list, .lanes: "list"
    case .text, .url, .prefix, .identifier, .address, .path: "text"
    }
  }

  /// The allowed values, as listings show them; nil where there is no bound.
  package var bounds: String? {
    switch self {
    case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .percent(let range): "\(range.lowerBound)% to \(range.upperBound)%"
    case .boolean: "true or false"
    case .duration(let range): "\(range.lowerBound.settingText) to \(range.upperBound.settingText)"
    case .bytes(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .choice(let choices): choices.joined(separator: ", ")
    case .text, .url, .prefix, .identifier, .address, .path, .list, .lanes: nil
    }
  }

  /// The expected type in a message about a wrong value, such as `a size`.
  var noun: String {
    switch self {
    case .text, .prefix, .path: "a text"
    case .url: "a URL"
    case .identifier: "a schema's name"
    case .address: "an address"
    case .integer: "a whole number"
    case .percent: "a percentage"
    case .boolean: "true or false"
    case .duration: "a duration"
    case .bytes: "a size"
    case .choice(let choices): "one of \(choices.joined(separator: ", "))"
    case .list, .lanes: "a list"
    }
  }

  /// The hint for a wrong value, with an example.
  var hint: String {
    switch self {
    case .text: "write a text, in quotes where it has : or #"
    case .url(let schemes): "write \(Self.common(schemes).joined(separator: ":// or ")):// and the host, and @ in a password as %40"
    case .prefix: "write a short name such as tidemark"
    case .identifier: "write letters, digits and _ such as tidemark"
    case .address: "write host:port such as 127.0.0.1:9847, or off"
    case .path: "write the path of a file such as /etc/tidemark/token"
    case .integer(let range): "write digits only, such as \(max(range.lowerBound, min(range.upperBound, 1000)))"
    case .percent: "write a number and %, such as 80%"
    case .boolean: "write true or false"
    case .duration: "write a number and ms, s, m, h or d, such as 10s or 1h30m"
    case .bytes: "write a number and B, KiB, MiB or GiB, such as 8MiB"
    case .choice(let choices): "write \(choices.first ?? "")"
    case .list: "write a list such as [one, two]"
    case .lanes: "write a list of maps such as [{ streams: \"orders:*\" }]"
    }
  }

  /// Returns the schemes that most users need; the reference page lists all of them.
  private static func common(_ schemes: [String]) -> [String] { schemes.filter { !$0.contains("+") } }

  /// Whether a value may contain a password even though its key is not secret.
  var mayHoldPassword: Bool {
    if case .url = self { true } else { false }
  }
}
