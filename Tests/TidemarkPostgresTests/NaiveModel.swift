import TidemarkCore

/// The state of agents by the words of the contract ("Meaning"), one change at a time. Knows nothing of SQL, batches or lanes.
struct NaiveModel {
  struct Session {
    var fields: [String: String] = [:]
    var status = "active"
    var meta: [String: String] = [:]
    var ext: [String: String]?
    var startedAt: Int64
    var updatedAt: Int64?
    var endedAt: Int64?
  }

  struct Message {
    var session: String
    var position: UInt64
    var fields: [String: String]
    var ext: [String: String]?
    var at: Int64
    var removedAt: Int64?
  }

  struct Call {
    var session: String
    var attempt: Int
    var position: UInt64
    var fields: [String: String]
    var status: String
    var ext: [String: String]?
    var startedAt: Int64?
    var finishedAt: Int64?
  }

  struct Value {
    var kind: String
    var value: String
    var position: UInt64
    var at: Int64
  }

  var sessions: [String: Session] = [:]
  var messages: [Message] = []
  var calls: [Call] = []
  var context: [String: [String: Value]] = [:]
  var history: [[String?]] = []
  var outcomes: [[String?]] = []
  /// Session, position, reason and state.
  var snapshots: [[String?]] = []

  static let envelope: Set<String> = ["type", "session", "event_id", "seq", "epoch", "ts", "actor", "trace", "v", "ephemeral"]
  static let known: [String: Set<String>] = [
    "session.started": ["agent", "user", "tenant", "title", "parent"], "session.updated": ["title", "status"],
    "session.ended": ["status"],
    "message.appended": ["role", "content", "parts", "message_id", "parent_id", "call_id", "model", "tokens", "usage", "meta"],
    "tool.started": ["call_id", "tool", "arguments", "idempotency_key"],
    "tool.finished": ["call_id", "status", "result", "error", "cost", "usage"],
    "outcome.recorded": ["label", "score", "scorer", "message_id", "call_id", "meta"],
  ]

  mutating func apply(_ position: UInt64, _ all: [String: String]) {
    guard let type = all["type"], let session = all["session"] else { return }
    let at = all["ts"].flatMap { Int64($0) } ?? Int64(position)
    let known = Self.known[type] ?? []
    let fields = all.filter { known.contains($0.key) }
    let hasMeta = type == "session.started" || type == "session.updated"
    let extras = all.filter {
      !known.contains($0.key) && !Self.envelope.contains($0.key) && !(hasMeta && $0.key.hasPrefix("meta.") && $0.key != "meta.")
    }
    let ext = extras.isEmpty ? nil : extras
    if sessions[session] == nil { sessions[session] = Session(startedAt: at) }
    switch type {
    case "session.started", "session.updated", "session.ended":
      change(session, type, fields, all.filter { hasMeta && $0.key.hasPrefix("meta.") && $0.key != "meta." }, ext, at)
    case "message.appended":
      // A repeated message_id replaces what readers see.
      if let id = fields["message_id"] { hide(session, at) { $0.fields["message_id"] == id } }
      messages.append(Message(session: session, position: position, fields: fields, ext: ext, at: at))
      if let seq = all["seq"] { messages[messages.count - 1].fields["seq"] = seq }
    case "message.removed":
      if let id = all["message_id"] {
        hide(session, at) { $0.fields["message_id"] == id }
      } else if let last = messages.lastIndex(where: { $0.session == session && $0.removedAt == nil }) {
        messages[last].removedAt = at
      }
    case "messages.cleared": hide(session, at) { _ in true }
    case "context.set":
      guard let key = all["key"], let value = all["value"] else { return }
      let kind = all["kind"] ?? "note"
      context[session, default: [:]][key] = Value(kind: kind, value: value, position: position, at: at)
      history.append([session, "\(position)", key, kind, value, "false", "\(at)"])
    case "context.removed":
      guard let key = all["key"] else { return }
      context[session]?[key] = nil
      history.append([session, "\(position)", key, nil, nil, "true", "\(at)"])
    case "tool.started", "tool.finished": call(session, type, position, fields, ext, at)
    case "outcome.recorded":
      outcomes.append(
        [session, "\(position)"] + ["label", "score", "scorer", "message_id", "call_id", "meta"].map { fields[$0] }
          + [ext.map(JSONWriter.object(texts:)), "\(at)"])
    case "snapshot.requested":
      snapshots.append([session, "\(position)", all["seq"], all["reason"], "\(at)", state(session, position)])
    default: break
    }
  }

  private mutating func change(
    _ name: String, _ type: String, _ fields: [String: String], _ meta: [String: String], _ ext: [String: String]?, _ at: Int64
  ) {
    guard var session = sessions[name] else { return }
    for (field, value) in fields where field != "status" { session.fields[field] = value }
    for (field, value) in meta { session.meta[String(field.dropFirst("meta.".count))] = value }
    if let ext { session.ext = (session.ext ?? [:]).merging(ext) { $1 } }
    let status =
      switch type {
      case "session.started": "active" as String?
      case "session.ended": fields["status"] ?? "completed"
      default: fields["status"]
      }
    if let status {
      session.status = status
      session.endedAt = ["completed", "failed", "cancelled"].contains(status) ? at : nil
    }
    session.updatedAt = at
    sessions[name] = session
  }

  private mutating func hide(_ session: String, _ at: Int64, where matches: (Message) -> Bool) {
    for index in messages.indices where messages[index].session == session && messages[index].removedAt == nil {
      if matches(messages[index]) { messages[index].removedAt = at }
    }
  }

  private mutating func call(
    _ session: String, _ type: String, _ position: UInt64, _ fields: [String: String], _ ext: [String: String]?, _ at: Int64
  ) {
    let attempts = calls.indices.filter { calls[$0].session == session && calls[$0].fields["call_id"] == fields["call_id"] }
    let isFinish = type == "tool.finished"
    var rest = fields
    let status = rest.removeValue(forKey: "status") ?? "started"
    if isFinish, let open = attempts.last(where: { calls[$0].status == "started" }) {
      calls[open].fields.merge(rest) { $1 }
      calls[open].status = status
      calls[open].finishedAt = at
      if let ext { calls[open].ext = (calls[open].ext ?? [:]).merging(ext) { $1 } }
      return
    }
    calls.append(
      Call(
        session: session, attempt: attempts.count + 1, position: position, fields: rest, status: status, ext: ext,
        startedAt: isFinish ? nil : at, finishedAt: isFinish ? at : nil))
  }

  /// What `state_at_entry` shall say right after this entry, as JSON.
  func state(_ name: String, _ position: UInt64?) -> String {
    let session = sessions[name] ?? Session(startedAt: 0)
    var about = session.fields.mapValues { JSONWriter.string($0) }
    about["status"] = JSONWriter.string(session.status)
    about["meta"] = JSONWriter.object(session.meta)
    let values = (context[name] ?? [:]).mapValues { JSONWriter.object(["kind": JSONWriter.string($0.kind), "value": $0.value]) }
    let open = calls.filter { $0.session == name && $0.status == "started" }.map { call in
      JSONWriter.object([
        "call_id": JSONWriter.string(call.fields["call_id"] ?? ""), "attempt": "\(call.attempt)",
        "tool": call.fields["tool"].map(JSONWriter.string) ?? "null", "arguments": call.fields["arguments"] ?? "null",
      ])
    }
    let visible = messages.filter { $0.session == name && $0.removedAt == nil }
    var state = [
      "session_id": JSONWriter.string(name), "session": JSONWriter.object(about), "context": JSONWriter.object(values),
      "open_calls": "[" + open.joined(separator: ",") + "]",
      "messages": JSONWriter.object(["count": "\(visible.count)", "last": visible.last.map { "\"\($0.position)-0\"" } ?? "null"]),
    ]
    if let position { state["entry_id"] = "\"\(position)-0\"" }
    return JSONWriter.object(state)
  }
}

/// JSON by hand, members in the order of their names.
enum JSONWriter {
  static func string(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n").replacing("\t", with: "\\t") + "\""
  }

  static func object(_ members: [String: String]) -> String {
    "{" + members.sorted { $0.key < $1.key }.map { "\(string($0.key)):\($0.value)" }.joined(separator: ",") + "}"
  }

  static func object(texts: [String: String]) -> String { object(texts.mapValues(string)) }
}
