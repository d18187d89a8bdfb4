import Testing
import TidemarkTestKit

/// Entries of every type are written with plain `redis-cli XADD`, and psql finds their rows.
@Suite(.serialized) struct ChangeTests {
  @Test func everyTypeOfChangeIsFoundWhereReadersLookForIt() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add([
        "type": "session.started", "session": "s", "agent": "planner", "user": "ada", "tenant": "acme", "title": "Trip", "parent": "p",
        "meta.plan": #"{"tier": 1}"#, "ts": "1700000000123", "actor": "ada", "trace": "00-ab-cd-01", "event_id": "e-1",
      ])
      try await product.add(["type": "session.updated", "session": "s", "title": "Long trip", "status": "waiting", "meta.step": "null"])
      try await product.add([
        "type": "message.appended", "session": "s", "role": "user", "content": "", "message_id": "m-1", "parent_id": "m-0",
        "call_id": "c-0", "model": "large", "tokens": "12", "usage": #"{"in": 3}"#, "meta": "[1]",
      ])
      try await product.add(["type": "message.appended", "session": "s", "parts": #"[{"text": "x"}]"#])
      try await product.add(["type": "message.appended", "session": "s", "role": "user", "content": "to be removed", "message_id": "m-2"])
      try await product.add(["type": "message.removed", "session": "s", "message_id": "m-2"])
      try await product.add(["type": "message.removed", "session": "s", "last": "1"])
      try await product.add(["type": "context.set", "session": "s", "key": "goal", "value": #"{"to": "Rome"}"#, "kind": "goal"])
      try await product.add(["type": "context.set", "session": "s", "key": "gone", "value": "1"])
      try await product.add(["type": "context.removed", "session": "s", "key": "gone"])
      try await product.add([
        "type": "tool.started", "session": "s", "call_id": "c-1", "tool": "search", "arguments": #"{"q": 1}"#, "idempotency_key": "i",
      ])
      try await product.add([
        "type": "tool.finished", "session": "s", "call_id": "c-1", "status": "error", "result": "[2]", "error": "no", "cost": "0.0400",
        "usage": "{}",
      ])
      try await product.add(["type": "outcome.recorded", "session": "s", "label": "good", "score": "0.5", "scorer": "judge", "meta": "3"])
      try await product.add(["type": "snapshot.requested", "session": "s", "reason": "now"])
      try await product.add(["type": "custom.thing", "session": "s", "b": "2", "a": "text"])
      try await product.add(["type": "session.ended", "session": "s", "status": "failed"])
      try await product.add(["type": "messages.cleared", "session": "other"])
      try await product.waitUntilCaughtUp()

      #expect(
        try await product.rows(
          """
          select agent_id, user_id, tenant, title, parent_id, status, meta, extract(epoch from started_at), ended_at is null
            from tidemark.sessions where session_id = 's'
          """) == [#"planner|ada|acme|Long trip|p|failed|{"plan": {"tier": 1}, "step": null}|1700000000.123000|f"#])
      #expect(
        try await product.rows("select status, meta, updated_at is null from tidemark.sessions where session_id = 'other'") == [
          "active|{}|t"
        ])
      #expect(
        try await product.rows(
          """
          select coalesce(message_id, '-'), parent_id, call_id, role, content, parts, model, tokens, usage, meta, removed_at is not null
            from tidemark.messages order by entry_ms, entry_no
          """) == [
            #"m-1|m-0|c-0|user|||large|12|{"in": 3}|[1]|f"#, #"-|||||[{"text": "x"}]|||||t"#, "m-2|||user|to be removed||||||t",
          ])
      #expect(try await product.rows("select key, kind, value from tidemark.context") == [#"goal|goal|{"to": "Rome"}"#])
      #expect(
        try await product.rows("select key, kind, value, removed from tidemark.context_history order by entry_ms, entry_no") == [
          #"goal|goal|{"to": "Rome"}|f"#, "gone|note|1|f", "gone|||t",
        ])
      #expect(
        try await product.rows(
          "select call_id, attempt, tool, arguments, status, result, error, cost, usage, idempotency_key, finished_at >= started_at from tidemark.tool_calls"
        )
          == [#"c-1|1|search|{"q": 1}|error|[2]|no|0.0400|{}|i|t"#])
      #expect(try await product.rows("select label, score, scorer, meta from tidemark.outcomes") == ["good|0.5|judge|3"])
      #expect(
        try await product.rows(
          "select reason, state -> 'context' -> 'goal' -> 'value', state -> 'messages' -> 'count' from tidemark.snapshots where reason = 'now'"
        )
          == [#"now|{"to": "Rome"}|1"#])
      #expect(
        try await product.rows("select type, fields from tidemark.changes where type like 'custom%' or event_id = 'e-1' order by no") == [
          #"session.started|{"user": "ada", "agent": "planner", "title": "Trip", "parent": "p", "tenant": "acme", "meta.plan": {"tier": 1}}"#,
          #"custom.thing|{"a": "text", "b": "2", "type": "custom.thing", "session": "s"}"#,
        ])
      #expect(try await product.rows("select actor, trace, v from tidemark.changes where event_id = 'e-1'") == ["ada|00-ab-cd-01|1"])
      #expect(try await product.value("select count(*), max(no) from tidemark.changes") == "17|17")
      #expect(try await product.value("select count(*) from tidemark.dead_letters") == "0")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func theOrderOfFieldsDoesNotMatterAndUnknownFieldsAreKept() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add(["colour": "red", "content": "hello", "session": "s", "role": "user", "type": "message.appended"])
      try await product.add(["call_id": "c", "mood": "calm", "status": "ok", "session": "s", "type": "tool.finished"])
      try await product.add(["score": "1", "who": "me", "type": "outcome.recorded", "session": "s"])
      try await product.add(["region": "eu", "type": "session.started", "session": "s"])
      try await product.add(["value": "1", "hue": "blue", "key": "k", "type": "context.set", "session": "s"])
      try await product.waitUntilCaughtUp()
      #expect(try await product.rows("select content, ext from tidemark.messages") == [#"hello|{"colour": "red"}"#])
      #expect(try await product.rows("select call_id, status, ext from tidemark.tool_calls") == [#"c|ok|{"mood": "calm"}"#])
      #expect(try await product.rows("select score, ext from tidemark.outcomes") == [#"1|{"who": "me"}"#])
      #expect(try await product.rows("select ext from tidemark.sessions") == [#"{"region": "eu"}"#])
      #expect(try await product.rows("select fields from tidemark.changes where type = 'context.set'") == [#"{"hue": "blue"}"#])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func anEphemeralEntryIsOnlyCounted() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add(["type": "message.appended", "session": "s", "role": "user", "content": "typing", "ephemeral": "1"])
      try await product.add(["type": "message.appended", "session": "s", "role": "user", "content": "typed", "ephemeral": "0"])
      try await product.waitUntilCaughtUp()
      #expect(try await product.rows("select content from tidemark.messages") == ["typed"])
      #expect(try await product.rows("select read_total, applied_total, ephemeral_total from tidemark.lanes") == ["2|1|1"])
      #expect(try await product.value("select count(*) from tidemark.changes") == "1")
      #expect(try await worker.stop() == 0)
    }
  }

  /// The lane numbers come from Python: `binascii.crc_hqx(session.encode(), 0) % 16`.
  @Test func aSessionBelongsToTheLaneThatTheContractSaysAndOthersAreMisrouted() async throws {
    try await withProduct(["state.partitions": "16"]) { product in
      let worker = try await product.startWorker()
      for (session, lane) in [("s-1", 0), ("s-2", 3), ("agent-7", 7), ("s-ext", 4)] {
        try await product.addMessages(1, session: session, to: "tidemark:{\(lane)}:changes")
      }
      try await product.addMessages(1, session: "s-1", from: 2, to: "tidemark:{9}:changes")
      try await product.waitUntilCaughtUp([0, 3, 7, 4, 9].map { "tidemark:{\($0)}:changes" })
      #expect(
        try await product.rows("select lane, applied_total, misrouted_total from tidemark.lanes where read_total > 0 order by lane") == [
          "tidemark:{0}:changes|1|0", "tidemark:{3}:changes|1|0", "tidemark:{4}:changes|1|0", "tidemark:{7}:changes|1|0",
          "tidemark:{9}:changes|1|1",
        ])
      #expect(try await worker.stop() == 0)
    }
  }
}
