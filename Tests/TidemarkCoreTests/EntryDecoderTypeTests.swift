import Testing

@testable import TidemarkCore

@Suite struct EntryDecoderTypeTests {
  /// The required fields of each built-in type.
  static let minimum: [String: [RawField]] = [
    "session.started": [], "session.updated": [], "session.ended": [],
    "message.appended": [["role", "user"], ["content", ""]], "message.removed": [["last", "1"]], "messages.cleared": [],
    "context.set": [["key", "k"], ["value", "null"]], "context.removed": [["key", "k"]],
    "tool.started": [["call_id", "c"], ["tool", "t"]], "tool.finished": [["call_id", "c"], ["status", "ok"]],
    "outcome.recorded": [["label", ""]], "snapshot.requested": [],
  ]

  @Test func `every built-in type is accepted with its required fields, and not without one of them`() {
    #expect(Set(Self.minimum.keys) == Set(ChangeCatalog.builtIn.map(\.name)))
    for (type, fields) in Self.minimum {
      #expect(decode(change(type, fields)).change?.type == ChangeCatalog.builtIn.firstIndex { $0.name == type }, "\(type)")
      for index in fields.indices {
        var fewer = fields
        let left = fewer.remove(at: index)
        let rejection = decode(change(type, fewer)).rejection
        #expect(rejection?.reason == .missingField, "\(type) without \(String(decoding: left.name, as: UTF8.self))")
      }
    }
  }

  private static let accepted: [(String, [RawField])] = [
    ("message.appended", [["parts", "[]"]]),
    ("message.appended", [["parts", " [{\"type\":\"text\"}] "], ["role", "user"]]),
    ("message.appended", [["role", "user"], ["content", "x"], ["tokens", "-5"], ["usage", "{}"], ["meta", "null"]]),
    ("message.appended", [["role", text(512)], ["content", "x"], ["message_id", text(512)], ["parent_id", "p"], ["call_id", "c"]]),
    ("message.removed", [["message_id", "m"]]), ("message.removed", [["message_id", "m"], ["last", "1"]]),
    ("message.removed", [["message_id", "m"], ["last", "0"]]),
    ("session.ended", [["status", "failed"]]), ("session.ended", [["status", "cancelled"]]), ("session.updated", [["status", "paused"]]),
    (
      "session.started",
      [["agent", "a"], ["user", ""], ["tenant", "t"], ["title", "x"], ["parent", "p"], ["meta.a", "1"], ["meta.b", "{}"]]
    ),
    ("context.set", [["key", "k"], ["value", "\"\\uD83D\\uDE00\""], ["kind", "goal"]]),
    ("tool.started", [["call_id", "c"], ["tool", "t"], ["arguments", "[1]"], ["idempotency_key", "i"]]),
    ("tool.finished", [["call_id", "c"], ["status", "error"], ["error", ""], ["result", "1"], ["cost", "0.00012"], ["usage", "{}"]]),
    ("tool.finished", [["call_id", "c"], ["status", "cancelled"], ["cost", "-1e-5"]]),
    ("outcome.recorded", [["score", "-1.5e300"]]), ("outcome.recorded", [["label", "good"], ["score", "0"], ["meta", "[]"]]),
    ("outcome.recorded", [["score", "5e-324"]]), ("outcome.recorded", [["score", "1.7976931348623157e308"]]),
    ("outcome.recorded", [["score", "0e5"]]),
  ]

  @Test(arguments: accepted.indices) func `a change within the rules is accepted`(index: Int) {
    let (type, fields) = Self.accepted[index]
    #expect(decode(change(type, fields)).rejection == nil, "\(type)")
  }

  private static let refused: [(String, [RawField], RejectionReason, String)] = [
    ("message.appended", [], .missingField, "role"),
    ("message.appended", [["role", "user"]], .missingField, "content is missing"),
    ("message.appended", [["content", "x"]], .missingField, "role is missing"),
    ("message.appended", [["content", "x"], ["rol", "user"]], .missingField, "rol"),
    ("message.appended", [["role", "user"], ["contents", "x"]], .missingField, "contents"),
    ("message.appended", [["parts", "{}"]], .badJSON, "not an array"),
    ("message.appended", [["parts", "[1,]"], ["role", "u"], ["content", "x"]], .badJSON, "parts"),
    ("message.appended", [["role", text(513)], ["content", "x"]], .tooLong, "role"),
    ("message.appended", [["parts", "[]"], ["message_id", text(513)]], .tooLong, "message_id"),
    ("message.appended", [["parts", "[]"], ["parent_id", text(513)]], .tooLong, "parent_id"),
    ("message.appended", [["parts", "[]"], ["call_id", text(513)]], .tooLong, "call_id"),
    ("message.appended", [["parts", "[]"], ["message_id", ""]], .invalidField, "message_id is empty"),
    ("message.appended", [["parts", "[]"], ["tokens", "many"]], .badNumber, "tokens"),
    ("message.appended", [["parts", "[]"], ["tokens", "1.5"]], .badNumber, "tokens"),
    ("message.appended", [["parts", "[]"], ["tokens", "1e3"]], .badNumber, "tokens"),
    ("message.appended", [["parts", "[]"], ["tokens", "9223372036854775808"]], .badNumber, "tokens"),
    ("message.appended", [["parts", "[]"], ["usage", "{"]], .badJSON, "usage"),
    ("message.appended", [["parts", "[]"], ["meta", "\"\\u0000\""]], .badJSON, "meta"),
    ("message.removed", [], .missingField, "message_id or last"),
    ("message.removed", [["last", "0"]], .missingField, "message_id or last"),
    ("message.removed", [["last", "yes"]], .invalidField, "last"),
    ("message.removed", [["mesage_id", "m"]], .missingField, "message_id"),
    ("session.ended", [["status", "done"]], .invalidField, "completed, failed, cancelled"),
    ("session.ended", [["status", ""]], .invalidField, "status"),
    ("session.started", [["meta.a", "nope"]], .badJSON, "'meta.a'"),
    ("session.updated", [["meta.", "1"], ["meta.x", " "]], .badJSON, "'meta.x'"),
    ("context.set", [["value", "1"]], .missingField, "key is missing"),
    ("context.set", [["key", ""], ["value", "1"]], .missingField, "key is empty"),
    ("context.set", [["key", "k"]], .missingField, "value is missing"),
    ("context.set", [["key", "k"], ["value", ""]], .missingField, "value is empty"),
    ("context.set", [["key", "k"], ["valeu", "1"]], .missingField, "valeu"),
    ("context.set", [["key", text(513)], ["value", "1"]], .tooLong, "key"),
    ("context.set", [["key", "k"], ["value", "plain text"]], .badJSON, "value"),
    ("context.set", [["key", "k"], ["value", "1"], ["kind", "Goal"]], .invalidField, "goal, fact, result, note"),
    ("context.removed", [], .missingField, "key"),
    ("tool.started", [["tool", "t"]], .missingField, "call_id"),
    ("tool.started", [["call_id", "c"]], .missingField, "tool"),
    ("tool.started", [["callid", "c"], ["tool", "t"]], .missingField, "callid"),
    ("tool.started", [["call_id", "c"], ["tool", text(513)]], .tooLong, "tool"),
    ("tool.started", [["call_id", "c"], ["tool", "t"], ["arguments", "{'a':1}"]], .badJSON, "arguments"),
    ("tool.finished", [["call_id", "c"]], .missingField, "status"),
    ("tool.finished", [["call_id", "c"], ["status", "started"]], .invalidField, "ok, error, cancelled"),
    ("tool.finished", [["call_id", "c"], ["status", "ok"], ["cost", "1,5"]], .badNumber, "cost"),
    ("tool.finished", [["call_id", "c"], ["status", "ok"], ["cost", "NaN"]], .badNumber, "cost"),
    ("tool.finished", [["call_id", "c"], ["status", "ok"], ["cost", "1e131072"]], .badNumber, "cost"),
    ("tool.finished", [["call_id", "c"], ["status", "ok"], ["cost", "1 "]], .badNumber, "cost"),
    ("outcome.recorded", [], .missingField, "label or score"),
    ("outcome.recorded", [["lable", "x"]], .missingField, "label or score"),
    ("outcome.recorded", [["score", "high"]], .badNumber, "score"),
    ("outcome.recorded", [["score", "1e400"]], .badNumber, "score"),
    ("outcome.recorded", [["score", "1e-400"]], .badNumber, "score"),
    ("outcome.recorded", [["score", "Infinity"]], .badNumber, "score"),
    ("outcome.recorded", [["score", " "]], .badNumber, "score"),
    ("outcome.recorded", [["score", "0x1p3"]], .badNumber, "score"),
  ]

  @Test(arguments: refused.indices) func `a change that breaks a rule is refused with its reason and its field`(index: Int) {
    let (type, fields, reason, detail) = Self.refused[index]
    let rejection = decode(change(type, fields)).rejection
    #expect(rejection?.reason == reason, "\(type): \(rejection?.detail ?? "taken")")
    #expect(rejection?.detail.contains(detail) == true, "\(type): \(rejection?.detail ?? "taken")")
  }

  @Test func `a misspelt alternative names what was probably meant`() {
    #expect(decode(change("message.removed", [["mesage_id", "m"]])).rejection?.detail.contains("mesage_id") == true)
    #expect(decode(change("outcome.recorded", [["scoer", "1"]])).rejection?.detail.contains("scoer") == true)
  }

  @Test func `only the first of very many fields are compared with a missing name`() {
    let others = (0..<64).map { RawField("unrelated\($0)", "") }
    let misspelt: RawField = ["valeu", "1"]
    let key: RawField = ["key", "k"]
    #expect(decode(change("context.set", [key, misspelt] + others)).rejection?.detail.hasSuffix("is it 'valeu'?") == true)
    #expect(decode(change("context.set", [key] + others + [misspelt])).rejection?.detail == "the field value is missing")
  }

  @Test func `fields are assigned to their places, and unknown fields are kept`() throws {
    guard
      case .change(let decoded, let block) = decode(
        change(
          "session.started", [["meta.a", "1"], ["title", "T"], ["colour", "red"], ["meta", "2"], ["event_id", "e"], ["actor", "me"]]))
    else {
      Issue.record("it was refused")
      return
    }
    #expect(decoded.values.map { $0.map { block.text($0) } } == [nil, nil, nil, "T", nil])
    #expect(decoded.prefixed.map { block.text($0.name) } == ["meta.a"])
    #expect(decoded.extras.map { block.text($0.name) } == ["colour", "meta"])
    #expect(decoded.eventID.map { block.text($0) } == "e")
    #expect(decoded.actor.map { block.text($0) } == "me")
  }

  @Test func `only types with a prefix take prefixed fields, and the key behind the prefix must not be empty`() {
    #expect(decode(change("message.appended", [["parts", "[]"], ["meta.a", "no JSON"]])).change?.extras.count == 1)
    #expect(decode(change("session.started", [["meta.", "no JSON"]])).change?.extras.count == 1)
  }

  @Test func `an unknown type keeps all of its fields, whatever they hold`() {
    let decoded = decode(change("billing.charged", [["value", "no JSON"], ["tokens", "x"], ["role", ""]])).change
    #expect(decoded != nil)
    #expect(decoded?.type == nil)
    #expect(decoded?.extras.count == 5)
  }

  @Test func `one decoder serves entries one after another without remembering the last`() throws {
    let full: [RawField] = change(
      "session.started",
      [
        ["meta.a", "1"], ["x", "y"], ["event_id", "e"], ["seq", "1"], ["epoch", "2"], ["v", "3"], ["ts", "1795389463124"], ["actor", "a"],
      ])
    let bad = change("context.set")
    let plain = change("messages.cleared")
    let block = EntryBlock.of(numbered([full, bad, plain]))
    var decoder = EntryDecoder(limits: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: true))
    var decoded = DecodedEntry()
    try decoder.decode(block.entries[0], of: block, into: &decoded)
    #expect(throws: Rejection.self) { try decoder.decode(block.entries[1], of: block, into: &decoded) }
    try decoder.decode(block.entries[2], of: block, into: &decoded)
    #expect(decoded.extras.isEmpty)
    #expect(decoded.prefixed.isEmpty)
    #expect(decoded.eventID == nil)
    #expect(decoded.seq == nil)
    #expect(decoded.version == 1)
    #expect(decoded.occurredMilliseconds == 3)
    #expect(decoded.actor == nil)
  }

  @Test func `a known name is found within a few edits, and not beyond`() {
    let known = ["key", "value", "call_id", "message_id"]
    #expect(NearestName.of("kye", in: known) == "key")
    #expect(NearestName.of("calid", in: known) == nil)
    #expect(NearestName.of("callid", in: known) == "call_id")
    #expect(NearestName.of("messageId", in: known) == "message_id")
    #expect(NearestName.of("zzz", in: known) == nil)
    #expect(NearestName.distance(Array("abcd".utf8), Array("abdc".utf8)) == 1)
    #expect(NearestName.distance([], Array("abc".utf8)) == 3)
    #expect(NearestName.distance(Array("abc".utf8), []) == 3)
  }
}
