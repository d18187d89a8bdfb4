package import TidemarkCore

/// A call of the library's `append_all`.
package enum AppendCall {
  /// Returns the command.
  ///
  /// - Parameter expected: the number of the session's last change; nil: whatever it is.
  package static func command(
    _ changes: [SessionChange], session: String, expecting expected: Int64?, _ keys: SessionKeys, functions: String
  ) -> [RedisArgument] {
    var arguments: [RedisArgument] = [.text(session), .text(expected.map { "\($0)" } ?? "-"), .integer(Int64(changes.count))]
    for change in changes {
      arguments += [.text(change.type), .integer(Int64(change.fields.count / 2))]
      arguments += change.fields.map { .text($0) }
    }
    return FunctionCall.command("append_all", of: functions, keys, arguments)
  }

  /// Returns the meaning of an error reply; nil for one that is not the function's own.
  package static func refusal(_ message: String) -> HotRefusal? {
    let words = message.split(separator: " ", maxSplits: 2)
    switch words.first {
    case "COLD": return .cold
    case "CONFLICT" where words.dropFirst().first == "event_id": return .eventIDReused
    case "CONFLICT": return words.dropFirst().first.flatMap { Int64($0) }.map { .conflict(last: $0) }
    case "INVALID": return .invalid(message)
    case "BUSY": return words.dropFirst().first == "stop" ? .stopped : nil
    default: return nil
    }
  }
}
