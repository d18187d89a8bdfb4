import Testing
import TidemarkRedis

@testable import TidemarkClient

@Suite struct ClientErrorTests {
  @Test(arguments: [
    ("INVALID role: is missing", ClientError.Code.invalid(field: "role")), ("CONFLICT 7", .conflict(last: 7)),
    ("CONFLICT event_id", .eventIDReused), ("BUSY stop", .stopped), ("COLD s", .notRestored),
    ("ERR Function not found", .notInstalled), ("BUSY Redis is busy running a script", .unavailable), ("ERR something", .unavailable),
  ])
  func `an error reply has its meaning`(message: String, code: ClientError.Code) {
    #expect(ClientError(RedisError(.server, message)).code == code)
  }

  @Test func `a lost connection is no answer`() {
    #expect(ClientError(RedisError(.connectionClosed, "INVALID x: y")).code == .unavailable)
  }

  @Test(arguments: [
    (Change.message(role: "user"), "content"), (.message(role: "", content: "x"), "role"), (.set("k", "{"), "value"),
    (.callFinished("c", status: "done"), "status"), (Change(type: "message.appended", fields: [("seq", "1")]), "seq"),
    (.outcome(), "label"), (Change(type: "note", fields: [("a", "x\u{0}")]), "a"),
    (.message(role: "user", content: "x", meta: "["), "meta"),
    (.callFinished("c", cost: "1,5"), "cost"), (Change(type: "note", fields: [("ts", "12")]), "ts"),
  ])
  func `a change that would become a dead letter is refused with the field's name`(change: Change, field: String) {
    let error = #expect(throws: ClientError.self) { try ChangeCheck.check(change, session: "s") }
    #expect(error?.code == .invalid(field: field), "\(error?.message ?? "")")
  }

  @Test func `what a worker takes is taken`() throws {
    for change in [
      Change.started(agent: "a", meta: ["k": "null"]), .message(parts: "[]"), .set("k", "12345678901234567"), .ended(),
      .outcome(score: 0.5), .snapshot(), Change(type: "own.type", fields: [("x", "{")]), .removeLastMessage,
    ] {
      try ChangeCheck.check(change, session: "s")
    }
  }
}
