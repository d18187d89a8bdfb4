import Foundation
import TidemarkCore
import TidemarkPostgres

/// Formats what the commands about sessions print.
enum SessionText {
  /// A value of a JSON object.
  private enum Part {
    case text(String?)
    case number(Int64?)
    /// JSON as Postgres writes it: decoding it would round large numbers.
    case json(String?)
  }

  /// Returns a JSON text in one line of a table.
  static func cut(_ text: String, to length: Int = 100) -> String {
    let line = ForeignText.line(text)
    return line.count > length ? "\(line.prefix(length - 3))..." : line
  }

  static func json(_ change: SessionStore.HistoryEntry) -> String {
    object([
      "lane": .text(change.lane), "entry_id": .text(change.entry), "seq": .number(change.seq), "epoch": .number(change.epoch),
      "type": .text(change.type), "actor": .text(change.actor), "at": .text(change.at), "content": .json(change.body),
    ])
  }

  static func json(_ call: SessionStore.OpenCall) -> String {
    object([
      "session_id": .text(call.session), "call_id": .text(call.call), "attempt": .number(call.attempt), "tool": .text(call.tool),
      "arguments": .json(call.arguments), "idempotency_key": .text(call.idempotencyKey), "started_at": .text(call.startedAt),
      "age": .number(call.age),
    ])
  }

  private static func object(_ parts: KeyValuePairs<String, Part>) -> String {
    let fields = parts.map { name, part in
      let value =
        switch part {
        case .text(let text): text.map(quoted)
        case .number(let number): number.map { "\($0)" }
        case .json(let json): json
        }
      return "\(quoted(name)): \(value ?? "null")"
    }
    return ForeignText.json("{\(fields.joined(separator: ", "))}")
  }

  private static func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // Encoding a text can't fail.
    return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }
}
