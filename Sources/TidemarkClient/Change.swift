/// A change of a session, before it is written.
///
/// The fields are those of an entry of the stream. JSON is given as text, and stays as it is, byte by byte.
public struct Change: Sendable, Equatable {
  /// Such as `message.appended`; any other type is kept whole in the audit trail.
  public var type: String
  /// Names and values in the order in which they are written.
  public var fields: [(name: String, value: String)]

  public init(type: String, fields: [(name: String, value: String)] = []) {
    self.type = type
    self.fields = fields
  }

  public static func == (left: Change, right: Change) -> Bool {
    left.type == right.type && left.fields.elementsEqual(right.fields, by: ==)
  }

  private static func make(_ type: String, _ fields: KeyValuePairs<String, String?>, _ meta: [String: String] = [:]) -> Change {
    let given = fields.compactMap { field in field.value.map { (name: field.key, value: $0) } }
    return Change(type: type, fields: given + meta.sorted { $0.key < $1.key }.map { (name: "meta.\($0.key)", value: $0.value) })
  }

  /// Starts a session, or reopens it. The values of `meta` are JSON.
  public static func started(
    agent: String? = nil, user: String? = nil, tenant: String? = nil, title: String? = nil, parent: String? = nil,
    meta: [String: String] = [:]
  ) -> Change {
    make("session.started", ["agent": agent, "user": user, "tenant": tenant, "title": title, "parent": parent], meta)
  }

  public static func updated(title: String? = nil, status: String? = nil, meta: [String: String] = [:]) -> Change {
    make("session.updated", ["title": title, "status": status], meta)
  }

  /// - Parameter status: `completed`, `failed` or `cancelled`.
  public static func ended(status: String = "completed") -> Change { make("session.ended", ["status": status]) }

  /// Appends a message. A repeated `id` replaces what readers see.
  ///
  /// - Parameters:
  ///   - parts: a JSON array; with it, role and content may be left out.
  ///   - usage, meta: JSON.
  public static func message(
    role: String? = nil, content: String? = nil, parts: String? = nil, id: String? = nil, parent: String? = nil, call: String? = nil,
    model: String? = nil, tokens: Int64? = nil, usage: String? = nil, meta: String? = nil
  ) -> Change {
    make(
      "message.appended",
      [
        "role": role, "content": content, "parts": parts, "message_id": id, "parent_id": parent, "call_id": call, "model": model,
        "tokens": tokens.map(String.init), "usage": usage, "meta": meta,
      ])
  }

  public static func removeMessage(_ id: String) -> Change { make("message.removed", ["message_id": id]) }

  public static var removeLastMessage: Change { make("message.removed", ["last": "1"]) }

  public static var clearMessages: Change { make("messages.cleared", [:]) }

  /// - Parameters:
  ///   - value: JSON.
  ///   - kind: `goal`, `fact`, `result` or `note`.
  public static func set(_ key: String, _ value: String, kind: String = "note") -> Change {
    make("context.set", ["key": key, "value": value, "kind": kind])
  }

  public static func remove(_ key: String) -> Change { make("context.removed", ["key": key]) }

  /// - Parameter arguments: JSON.
  public static func callStarted(_ id: String, tool: String, arguments: String? = nil, idempotencyKey: String? = nil) -> Change {
    make("tool.started", ["call_id": id, "tool": tool, "arguments": arguments, "idempotency_key": idempotencyKey])
  }

  /// - Parameters:
  ///   - status: `ok`, `error` or `cancelled`.
  ///   - result, usage: JSON.
  ///   - cost: a decimal.
  public static func callFinished(
    _ id: String, status: String = "ok", result: String? = nil, error: String? = nil, cost: String? = nil, usage: String? = nil
  ) -> Change {
    make("tool.finished", ["call_id": id, "status": status, "result": result, "error": error, "cost": cost, "usage": usage])
  }

  /// Records an outcome; a label, a score, or both.
  ///
  /// - Parameter meta: JSON.
  public static func outcome(
    label: String? = nil, score: Double? = nil, scorer: String? = nil, message: String? = nil, call: String? = nil, meta: String? = nil
  ) -> Change {
    make(
      "outcome.recorded",
      [
        "label": label, "score": score.map { "\($0)" }, "scorer": scorer, "message_id": message, "call_id": call, "meta": meta,
      ])
  }

  public static func snapshot(reason: String? = nil) -> Change { make("snapshot.requested", ["reason": reason]) }

  /// Returns the change with the producer's own id: written twice with the same id, it takes effect once.
  public func identified(by id: String) -> Change {
    Change(type: type, fields: fields.filter { $0.name != "event_id" } + [(name: "event_id", value: id)])
  }

  var eventID: String? { fields.first { $0.name == "event_id" }?.value }
}
