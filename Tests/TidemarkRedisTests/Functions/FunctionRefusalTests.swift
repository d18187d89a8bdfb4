import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("What the function library refuses", .serialized)
struct FunctionRefusalTests {
  private static func text(_ count: Int) -> String { String(repeating: "x", count: count) }

  /// A type, its fields, and the refusal.
  private static let refusals: [(String, [String], String)] = [
    ("message.appended", ["content", "x"], "role: is missing"),
    ("message.appended", ["content", "x", "rol", "user"], "role: is missing; is it rol?"),
    ("message.appended", ["role", "user"], "content: is missing"),
    ("message.appended", ["role", "", "content", "x"], "role: is empty"),
    ("message.appended", ["role", "user", "contnet", "x", "contant", "x"], "content: is missing; is it contnet?"),
    ("message.appended", ["parts", ""], "role: is missing"),
    ("message.appended", ["role", text(513), "content", "x"], "role: has 513 bytes, 512 are allowed"),
    ("message.appended", ["parts", "[]", "message_id", ""], "message_id: is empty"),
    ("message.appended", ["parts", "[]", "parent_id", text(513)], "parent_id: has 513 bytes, 512 are allowed"),
    ("message.appended", ["parts", "[]", "call_id", text(513)], "call_id: has 513 bytes, 512 are allowed"),
    ("message.appended", ["parts", "[]", "tokens", "1.5"], "tokens: is not an integer of 64 bits"),
    ("message.appended", ["parts", "[]", "tokens", "9223372036854775808"], "tokens: is not an integer of 64 bits"),
    ("message.appended", ["parts", "[]", "tokens", "-9223372036854775809"], "tokens: is not an integer of 64 bits"),
    ("message.removed", [], "message_id or last: is missing"),
    ("message.removed", ["last", "0"], "message_id or last: is missing"),
    ("message.removed", ["last", "yes"], "last: is neither 1 nor 0"),
    ("message.removed", ["mesage_id", "m"], "message_id or last: is missing; is it mesage_id?"),
    ("session.ended", ["status", "done"], "status: is none of completed, failed, cancelled"),
    ("session.ended", ["status", ""], "status: is none of completed, failed, cancelled"),
    ("session.ended", ["status", "completed, failed"], "status: is none of completed, failed, cancelled"),
    ("context.set", ["value", "1"], "key: is missing"),
    ("context.set", ["key", "", "value", "1"], "key: is empty"),
    ("context.set", ["key", "k"], "value: is missing"),
    ("context.set", ["key", "k", "value", ""], "value: is empty"),
    ("context.set", ["key", text(513), "value", "1"], "key: has 513 bytes, 512 are allowed"),
    ("context.set", ["key", "k", "value", "1", "kind", "Goal"], "kind: is none of goal, fact, result, note"),
    ("context.removed", [], "key: is missing"),
    ("tool.started", ["tool", "t"], "call_id: is missing"),
    ("tool.started", ["call_id", "c", "tool", ""], "tool: is empty"),
    ("tool.started", ["call_id", "c", "tool", "t", "idempotency_key", ""], "idempotency_key: is empty"),
    ("tool.finished", ["call_id", "c"], "status: is missing"),
    ("tool.finished", ["call_id", "c", "status", "started"], "status: is none of ok, error, cancelled"),
    ("tool.finished", ["call_id", "c", "status", "ok", "cost", "1,5"], "cost: is not a decimal"),
    ("tool.finished", ["call_id", "c", "status", "ok", "cost", "1e131072"], "cost: is not a decimal"),
    ("tool.finished", ["call_id", "c", "status", "ok", "cost", "1e-16384"], "cost: is not a decimal"),
    ("outcome.recorded", [], "label or score: is missing"),
    ("outcome.recorded", ["score", ""], "label or score: is missing"),
    ("outcome.recorded", ["score", "NaN"], "score: is not a finite number that double precision can hold"),
    ("outcome.recorded", ["score", "0x10"], "score: is not a finite number that double precision can hold"),
    ("outcome.recorded", ["score", "1e400"], "score: is not a finite number that double precision can hold"),
    ("outcome.recorded", ["score", "1e-400"], "score: is not a finite number that double precision can hold"),
    ("x", ["event_id", ""], "event_id: is empty"), ("x", ["event_id", text(513)], "event_id: has 513 bytes, 512 are allowed"),
    ("x", ["v", "-1"], "v: is out of range"), ("x", ["v", "2147483648"], "v: is out of range"),
    ("x", ["v", "one"], "v: is not an integer of 64 bits"),
    ("x", ["ts", "soon"], "ts: is not an integer of 64 bits"),
    ("x", ["ts", "1700000000"], "ts: is before 2001: it is in milliseconds since 1970, and this looks like seconds"),
    (
      "x", ["ts", "1700000000000000"],
      "ts: is more than a day after the entry itself: it is in milliseconds since 1970, and this looks like microseconds"
    ),
    ("x", ["ephemeral", "yes"], "ephemeral: is neither 1 nor 0"), ("x", ["ephemeral", ""], "ephemeral: is neither 1 nor 0"),
    ("x", ["type", "y"], "type: is written by the function"), ("x", ["session", "y"], "session: is written by the function"),
    ("x", ["seq", "1"], "seq: is written by the function"), ("x", ["epoch", "1", "ephemeral", "1"], "epoch: is written by the function"),
    ("x", ["a", "1", "b", "2", "a", "3"], "a: is given twice"),
    ("x", ["a", "b\0c"], "a: holds a NUL byte, which Postgres can't store"),
    ("x", ["a\u{1}b", "\0"], "a?b: holds a NUL byte, which Postgres can't store"),
    ("x", [text(70), "\0"], "\(text(64))...: holds a NUL byte, which Postgres can't store"),
    ("", [], "type: is empty"), (text(129), [], "type: has 129 bytes, 128 are allowed"),
  ]

  @Test("Each broken rule is refused with the field's name, in the worker's words, and nothing is written")
  func rules() async throws {
    try await withFunctions { functions in
      let before = try await functions.everything()
      for (type, fields, refusal) in Self.refusals {
        #expect(try await functions.append("s", type, fields).refusal == "INVALID \(refusal)", "\(type) \(fields)")
      }
      #expect(try await functions.everything() == before)
    }
  }

  @Test("Bytes that are not UTF-8 are refused wherever they stand, and all characters are taken")
  func utf8() async throws {
    try await withFunctions { functions in
      let bad: [[UInt8]] = [
        [0x80], [0xC3], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFF], [0x61, 0xC3, 0x61], [0xC3, 0xA9, 0xA9],
        [0xF0, 0x9F, 0x98],
        [0xE4, 0xB8, 0xAD, 0xC3], [0xF8, 0x88, 0x80, 0x80, 0x80],
      ]
      func append(_ name: [UInt8], _ value: [UInt8]) async throws -> RedisReply {
        try await functions.call("append", "s", ["x", "-", .bytes(name), .bytes(value)])
      }
      for bytes in bad {
        #expect(try await append(Array("f".utf8), bytes).refusal == "INVALID f: is not UTF-8", "\(bytes)")
        #expect(try await append(bytes, []).refusal?.hasSuffix(": is not UTF-8") == true, "\(bytes)")
        let type = try await functions.call("append", "s", [.bytes(bytes), "-"])
        #expect(type.refusal == "INVALID type: is not UTF-8", "\(bytes)")
      }
      // More characters than the library remembers, among them the first and the last of each length.
      var scalars: [Unicode.Scalar] = [0x1, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF].compactMap(
        Unicode.Scalar.init)
      scalars += (0x100..<0x4000).compactMap(Unicode.Scalar.init)
      var text = ""
      text.unicodeScalars.append(contentsOf: scalars)
      #expect(try await append(Array(text.utf8.prefix(400)), Array("v".utf8)).change != nil)
      #expect(try await append(Array("f".utf8), Array(text.utf8)).change != nil)
      #expect(try await append(Array("f".utf8), Array(text.utf8) + [0xC3]).refusal == "INVALID f: is not UTF-8")
    }
  }

  @Test("The session must have 1 to 256 bytes of UTF-8")
  func sessions() async throws {
    try await withFunctions(started: []) { functions in
      func begin(_ session: [UInt8]) async throws -> RedisReply {
        try await functions.connection.send(
          ["FCALL", "tidemark_append", "7"] + FunctionCalls.keys(session) + [.bytes(session), "session.started", "-"])
      }
      let longest = try await begin(Array(Self.text(256).utf8))
      #expect(longest.change?.seq == 1)
      #expect(try await begin(Array(Self.text(257).utf8)).refusal == "INVALID session: has 257 bytes, 256 are allowed")
      #expect(try await begin([]).refusal == "INVALID session: is empty")
      #expect(try await begin([0xC3]).refusal == "INVALID session: is not UTF-8")
      #expect(try await begin([0x61, 0]).refusal == "INVALID session: holds a NUL byte, which Postgres can't store")
      #expect(try await begin(Array("東京 / {x}: é".utf8)).change != nil)
    }
  }

  @Test("A call whose keys are not the seven of its session is refused")
  func keys() async throws {
    try await withFunctions { functions in
      let refusal = "INVALID keys: are not the seven of the session: changes, lane, session, context, messages, tools, ids"
      let keys = FunctionCalls.keys(Array("s".utf8))
      func call(_ keys: [RedisArgument]) async throws -> String? {
        try await functions.connection.send(
          ["FCALL", "tidemark_append", .integer(Int64(keys.count))] + keys + ["s", "messages.cleared", "-"]
        ).refusal
      }
      let before = try await functions.everything()
      for place in keys.indices {
        var fewer = keys
        fewer.remove(at: place)
        #expect(try await call(fewer) == refusal)
        var others = keys
        others[place] = FunctionCalls.keys(Array("t".utf8), partition: 1)[place]
        #expect(try await call(others) == refusal, "\(place)")
      }
      #expect(try await call(keys + ["tidemark:{0}:more"]) == refusal)
      #expect(try await call(FunctionCalls.keys(Array("other".utf8))) == refusal)
      #expect(try await functions.everything() == before)
      #expect(try await call(keys) == nil)
    }
  }

  @Test("Arguments that don't add up are refused")
  func arguments() async throws {
    try await withFunctions { functions in
      let before = try await functions.everything()
      let calls: [(String, [RedisArgument], String)] = [
        ("append", [], "type: is missing"), ("append", ["x"], "expect: is neither - nor a number"),
        ("append", ["x", "one"], "expect: is neither - nor a number"), ("append", ["x", "-1"], "expect: is neither - nor a number"),
        ("append", ["x", "-", "a"], "fields: are not pairs of a name and a value"),
        ("append_all", ["-"], "count: is not the number of changes"), ("append_all", ["-", "0"], "count: is not the number of changes"),
        ("append_all", ["-", "2", "x", "0"], "pairs: of change 2 is not the number of its pairs of a name and a value"),
        ("append_all", ["-", "1", "x", "1", "a"], "pairs: of change 1 is not the number of its pairs of a name and a value"),
        ("append_all", ["-", "1", "x", "-1"], "pairs: of change 1 is not the number of its pairs of a name and a value"),
        ("append_all", ["-", "1", "x", "0", "y", "0"], "count: is less than the number of changes"),
        ("load", ["many"], "messages: is not a number"), ("load", ["-1"], "messages: is not a number"),
        ("durable", [], "entry_id: is not an entry id"), ("evict", ["i"], "idle_ms: is not a number"),
        ("restore", ["i", "-", "0", "now", "0", "0", "0", "0", "0"], "read_at: is not a number"),
        ("restore", ["i", "-", "0", "9999999999999", "1"], "count: of part 1 is not the number of its items"),
        ("restore", ["i", "-", "0", "9999999999999", "0", "0", "0", "0", "0", "x"], "count: of part 5 is not the number of its items"),
        (
          "restore", ["i", "-", "1", "9999999999999", "0", "0", "1", "{}", "0", "0"],
          "messages: hold an element that does not begin with its entry_id"
        ),
      ]
      for (function, arguments, refusal) in calls {
        #expect(try await functions.call(function, "s", arguments).refusal == "INVALID \(refusal)", "\(function) \(arguments)")
      }
      let none = try await functions.connection.send(["FCALL", "tidemark_append", "0"])
      #expect(none.refusal == "INVALID session: is missing")
      #expect(try await functions.everything() == before)
    }
  }

  @Test("An entry is as large as the limits allow, with all that the function adds to it")
  func limits() async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) max_entry_bytes 1000 max_fields 10")
      // type x, session s, seq 2, epoch of 13 digits: 11 + 2 + 4 + 5 + 13 + 3 bytes, and the field a.
      let room = 1_000 - (4 + 1 + 7 + 1 + 3 + 1 + 5 + 13) - 1
      #expect(
        try await functions.append("s", "x", ["a", Self.text(room + 1)]).refusal
          == "INVALID entry: is larger than limits.max_entry_bytes (1000 bytes)")
      #expect(try await functions.append("s", "x", ["a", Self.text(room)]).change != nil)
      func fields(_ count: Int) -> [String] { (0..<count).flatMap { ["f\($0)", ""] } }
      #expect(try await functions.append("s", "x", fields(7)).refusal == "INVALID entry: has 11 fields, more than limits.max_fields (10)")
      #expect(try await functions.append("s", "x", fields(6)).change != nil)
      #expect(
        try await functions.append("s", "x", fields(8) + ["ephemeral", "1"]).refusal
          == "INVALID entry: has 11 fields, more than limits.max_fields (10)")
      #expect(try await functions.append("s", "x", fields(7) + ["ephemeral", "1"]).change != nil)
      try await functions.command("HDEL \(FunctionCalls.lane) max_entry_bytes max_fields")
      #expect(try await functions.append("s", "x", fields(3_896)).change != nil)
      #expect(
        try await functions.append("s", "session.updated", fields(3_896).map { $0.hasPrefix("f") ? "meta.\($0)" : "1" }).change != nil)
      #expect(
        try await functions.append("s", "x", fields(3_897)).refusal == "INVALID entry: has 3901 fields; a function can append 3900")
    }
  }
}
