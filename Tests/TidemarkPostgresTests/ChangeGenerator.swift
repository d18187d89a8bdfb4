import TidemarkCore
import TidemarkTestKit

/// Random changes of all built-in types, and of unknown ones, over few sessions and few ids, so that they meet again and again.
struct ChangeGenerator {
  var random: SeededGenerator
  let sessions: [String]
  var types = [
    "session.started", "session.updated", "session.updated", "session.ended", "message.appended", "message.appended",
    "message.appended", "message.appended", "message.removed", "message.removed", "messages.cleared", "context.set", "context.set",
    "context.set", "context.removed", "tool.started", "tool.started", "tool.finished", "tool.finished", "outcome.recorded",
    "snapshot.requested", "billing.charged", "session.paused",
  ]
  private static let json = ["null", "0", "1.50", "\"\"", "\"a\\nb\"", "[]", "[1, \"\\\\\"]", "{\"a\": {\"b\": null}}", "true"]

  init(seed: UInt64, sessions: [String]) {
    random = SeededGenerator(seed: seed)
    self.sessions = sessions
  }

  mutating func change(_ id: EntryID) -> [String: String] {
    let type = random.one(of: types)
    var fields = ["type": type, "session": random.one(of: sessions)]
    // Small ids tell no time, and then any may be given.
    let time = Int(id.ms) < 1_000_000_000_000 ? 1_700_000_000_000 + Int(id.ms) : Int(id.ms)
    if random.chance(15) { fields["ts"] = "\(time + random.below(2_000) - 1_000)" }
    if random.chance(50) { fields["seq"] = "\(random.below(1_000))" }
    if random.chance(20) { fields["event_id"] = "e\(id.ms)" }
    fill(type, &fields)
    // Names that another type knows are no fields of this one.
    let foreign = random.one(of: ["colour", "x\"y", "agent", "status", "title", "meta.k0", "user"])
    let checks = ["status": ["session.ended", "tool.finished"], "meta.k0": ["session.started", "session.updated"]]
    if random.chance(12), checks[foreign]?.contains(type) != true {
      fields[foreign] = random.one(of: ["red", "", "a\"b\\\n"])
    }
    return fields
  }

  private mutating func maybe(_ name: String, _ values: [String], _ fields: inout [String: String], percent: Int = 40) {
    if random.chance(percent) { fields[name] = random.one(of: values) }
  }

  private mutating func fill(_ type: String, _ fields: inout [String: String]) {
    let texts = ["", "a", "é😀", "line\nbreak\t\\N", "\"quoted\""]
    let (messages, calls) = ((0..<4).map { "m\($0)" }, (0..<3).map { "c\($0)" })
    switch type {
    case "session.started":
      for name in ["agent", "user", "tenant", "title", "parent"] { maybe(name, texts, &fields) }
      for key in 0..<3 { maybe("meta.k\(key)", Self.json, &fields, percent: 25) }
    case "session.updated":
      maybe("title", texts, &fields)
      maybe("status", ["active", "paused", "completed", "failed"], &fields, percent: 30)
      for key in 0..<3 { maybe("meta.k\(key)", Self.json, &fields, percent: 30) }
    case "session.ended": maybe("status", ["completed", "failed", "cancelled"], &fields)
    case "message.appended":
      maybe("message_id", messages, &fields, percent: 60)
      for name in ["role", "parent_id", "call_id", "model"] { maybe(name, ["a", "b"], &fields, percent: 30) }
      for name in ["usage", "meta"] { maybe(name, Self.json, &fields, percent: 20) }
      maybe("tokens", ["0", "-1", "9223372036854775807"], &fields, percent: 30)
      if random.chance(50) || fields["role"] == nil { fields["parts"] = random.one(of: ["[]", "[{\"type\": \"text\"}]"]) }
      maybe("content", texts, &fields, percent: fields["parts"] == nil ? 100 : 30)
    case "message.removed":
      fields[random.chance(50) ? "last" : "message_id"] = "1"
      if fields["last"] == nil { fields["message_id"] = random.one(of: messages + ["unknown"]) }
    case "context.set":
      fields["key"] = "key\(random.below(4))"
      fields["value"] = random.one(of: Self.json)
      maybe("kind", ["goal", "fact", "result", "note"], &fields)
    case "context.removed": fields["key"] = "key\(random.below(5))"
    case "tool.started":
      fields["call_id"] = random.one(of: calls)
      fields["tool"] = random.one(of: ["search", "run"])
      maybe("arguments", Self.json, &fields)
      maybe("idempotency_key", texts.filter { !$0.isEmpty }, &fields)
    case "tool.finished":
      fields["call_id"] = random.one(of: calls)
      fields["status"] = random.one(of: ["ok", "error", "cancelled"])
      for name in ["result", "usage"] { maybe(name, Self.json, &fields) }
      maybe("error", texts, &fields)
      maybe("cost", ["0", "0.10", "-3.5"], &fields)
    case "outcome.recorded":
      maybe("score", ["0", "0.5", "-1"], &fields)
      maybe("label", texts, &fields, percent: fields["score"] == nil ? 100 : 40)
      for (name, values) in [("scorer", texts), ("message_id", messages), ("call_id", calls), ("meta", Self.json)] {
        maybe(name, values, &fields, percent: 30)
      }
    case "snapshot.requested": maybe("reason", texts, &fields)
    default: maybe("amount", texts, &fields)
    }
  }
}
