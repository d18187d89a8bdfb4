import Foundation
import TidemarkAdmin
import TidemarkCore
import TidemarkPostgres

/// Formats dead letters as text and as JSON.
enum DeadLetterText {
  static func line(_ letter: DeadLetter) -> String {
    let session = letter.session ?? "-"
    let texts =
      [letter.lane, "\(letter.entry)", session, age(letter.age), letter.reason, letter.detail]
      + (letter.resolution.map { ["[\($0)]"] } ?? [])
    return (["\(letter.id)"] + texts.map { ForeignText.escaped($0) }).joined(separator: "  ")
  }

  /// Returns an age in the largest unit of which it has at least two.
  static func age(_ seconds: Int64) -> String {
    let units: [(name: String, seconds: Int64)] = [("d", 86_400), ("h", 3_600), ("m", 60)]
    let unit = units.first { seconds >= 2 * $0.seconds } ?? ("s", 1)
    return "\(seconds / unit.seconds)\(unit.name) ago"
  }

  /// Returns the number of dead letters by reason; it also says when the list is not complete.
  static func summary(_ counts: [(reason: String, count: Int64)], listed: Int, isOpen: Bool) -> String {
    let total = counts.reduce(0) { $0 + $1.count }
    guard total > 0 else { return isOpen ? "no open dead letters" : "no dead letters" }
    let reasons = counts.map { "\($0.reason) \($0.count)" }.joined(separator: ", ")
    let noun = "\(isOpen ? "open " : "")dead letter\(total == 1 ? "" : "s")"
    let cut = listed < total ? "; the oldest \(listed) are listed, --limit lists more" : ""
    return "\(total) \(noun): \(ForeignText.line(reasons))\(cut)"
  }

  static func page(_ letter: DeadLetter) -> String {
    var lines = [
      "dead letter \(letter.id)", "lane        \(letter.lane)", "entry       \(letter.entry)",
      "session     \(letter.session ?? "unknown")", "reason      \(letter.reason)", "detail      \(letter.detail)",
      "sqlstate    \(letter.sqlstate ?? "none")", "at          \(letter.at)",
      "resolved    \(letter.resolvedAt.map { "\($0), \(letter.resolution ?? "")" } ?? "no")",
      letter.isComplete ? "fields" : "fields (the first bytes of each)",
    ].map { ForeignText.escaped($0) }
    for (name, value) in letter.raw.alternatingPairs { lines.append("  \(shown(name)): \(shown(value))") }
    return lines.joined(separator: "\n")
  }

  static func json(_ letter: DeadLetter) throws -> String {
    struct Field: Encodable {
      enum CodingKeys: String, CodingKey {
        case name, value
        case nameBase64 = "name_base64"
        case valueBase64 = "value_base64"
      }
      var name: String?
      var nameBase64: String?
      var value: String?
      var valueBase64: String?
    }
    struct Row: Encodable {
      enum CodingKeys: String, CodingKey {
        case id, lane, reason, detail, sqlstate, at, resolution, fields
        case entryID = "entry_id"
        case sessionID = "session_id"
        case resolvedAt = "resolved_at"
        case rawComplete = "raw_complete"
      }
      var id: Int64
      var lane: String
      var entryID: String
      var sessionID: String?
      var reason: String
      var detail: String
      var sqlstate: String?
      var at: String
      var resolvedAt: String?
      var resolution: String?
      var rawComplete: Bool
      var fields: [Field]?
    }
    let parts = letter.raw.alternatingPairs.map { name, value in
      Field(
        name: String(validating: name, as: UTF8.self), nameBase64: base64(name), value: String(validating: value, as: UTF8.self),
        valueBase64: base64(value))
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let row = Row(
      id: letter.id, lane: letter.lane, entryID: "\(letter.entry)", sessionID: letter.session, reason: letter.reason,
      detail: letter.detail, sqlstate: letter.sqlstate, at: letter.at, resolvedAt: letter.resolvedAt, resolution: letter.resolution,
      rawComplete: letter.isComplete, fields: letter.raw.isEmpty ? nil : parts)
    return ForeignText.json(String(decoding: try encoder.encode(row), as: UTF8.self))
  }

  private static func base64(_ bytes: [UInt8]) -> String? {
    String(validating: bytes, as: UTF8.self) == nil ? Data(bytes).base64EncodedString() : nil
  }

  /// Returns the bytes as text, cut off after 2048 bytes.
  private static func shown(_ bytes: [UInt8]) -> String {
    let text = ForeignText.escaped(bytes.prefix(2048))
    return bytes.count > 2048 ? "\(text)... (\(bytes.count) bytes)" : text
  }
}
