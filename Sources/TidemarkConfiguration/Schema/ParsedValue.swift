/// A valid value of one of the types that a setting may have.
package enum ParsedValue: Equatable, Sendable {
  case unset
  case text(String)
  case integer(Int)
  case percent(Int)
  case boolean(Bool)
  case duration(Duration)
  case bytes(ByteCount)
  case list([String])
  case lanes([LaneSetting])

  /// The value as a user would write it; nil if it is unset.
  package var text: String? {
    switch self {
    case .unset: nil
    case .text(let text): text
    case .integer(let number): String(number)
    case .percent(let number): "\(number)%"
    case .boolean(let flag): String(flag)
    case .duration(let duration): duration.settingText
    case .bytes(let count): count.description
    case .list(let items): "[" + items.joined(separator: ", ") + "]"
    case .lanes(let items): "[" + items.map { "{ streams: \"\($0.streams)\", start: \($0.start) }" }.joined(separator: ", ") + "]"
    }
  }
}
