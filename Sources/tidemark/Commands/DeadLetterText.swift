import Foundation
import TidemarkAdmin
import TidemarkCore

/// Dead letters as text and as JSON.
enum DeadLetterText {
  static func line(_ letter: DeadLetter) -> String {
    let texts = [letter.lane, "\(letter.entry)", letter.reason, letter.detail] + (letter.resolution.map { ["[\($0)]"] } ?? [])
    return (["\(letter.id)"] + texts.map { ForeignText.escaped($0) }).joined(separator: "  ")
  }

  static func page(_ letter: DeadLetter) -> String {
    var lines = [
      "dead letter \(letter.id)", "lane        \(letter.lane)", "entry       \(letter.entry)",
      "session     \(letter.session ?? "unknown")", "reason      \(letter.reason)", "detail      \(letter.detail)",
      "sqlstate    \(letter.sqlstate ?? "none")", "at          \(letter.at)",
      "resolved    \(letter.resolvedAt.map { "\($0), \(letter.resolution ?? "")" } ?? "no")",
      letter.isComplete ? "fields" : "fields (the first bytes of each)",
    ].map { ForeignText.escaped($0) }
    for (name, value) in fields(letter) { lines.append("  \(shown(name)): \(shown(value))") }
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
    let parts = fields(letter).map { name, value in
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

  private static func fields(_ letter: DeadLetter) -> [([UInt8], [UInt8])] {
    stride(from: 0, to: letter.raw.count - 1, by: 2).map { (letter.raw[$0], letter.raw[$0 + 1]) }
  }

  private static func base64(_ bytes: [UInt8]) -> String? {
    String(validating: bytes, as: UTF8.self) == nil ? Data(bytes).base64EncodedString() : nil
  }

  /// Not endless.
  private static func shown(_ bytes: [UInt8]) -> String {
    let text = ForeignText.escaped(bytes.prefix(2048))
    return bytes.count > 2048 ? "\(text)... (\(bytes.count) bytes)" : text
  }
}
