/// The state model of agents as routes: which change goes into which table. Routes in a configuration are declared the same way.
package enum BuiltInRoutes {
  private typealias Column = Destination.Column

  private static let position = [Column("entry_ms", "bigint"), Column("entry_no", "bigint"), Column("lane_id", "integer")]

  private static let ensuredSessions = Destination(
    "ensure_sessions", .call, key: 2, coalescing: .keepFirst, oncePerKey: true,
    [Column("session_id"), Column("lane_id", "integer"), Column("at", "timestamptz")])

  private static let sessionChanges = Destination(
    "apply_session_changes", .call, key: 1,
    [Column("session_id")] + position + [
      Column("at", "timestamptz"), Column("type"), Column("agent"), Column("user"), Column("tenant"), Column("title"),
      Column("parent"), Column("status"), Column("meta", "jsonb"), Column("ext", "jsonb"),
    ])

  private static let messages = Destination(
    "messages", .append, key: 1, exactly: "append_message",
    [Column("session_id")] + position + [
      Column("seq", "bigint"), Column("message_id"), Column("parent_id"), Column("call_id"), Column("role"), Column("content"),
      Column("parts", "jsonb"), Column("model"), Column("tokens", "bigint"), Column("usage", "jsonb"), Column("meta", "jsonb"),
      Column("ext", "jsonb"), Column("at", "timestamptz"),
    ])

  private static let hiddenMessages = Destination(
    "hide_messages", .call, key: 1,
    [Column("session_id")] + position + [Column("at", "timestamptz"), Column("kind"), Column("message_id")])

  private static let contextHistory = Destination(
    "context_history", .append, key: 1,
    [Column("session_id")] + position + [
      Column("key"), Column("kind"), Column("value", "jsonb"), Column("removed", "boolean"), Column("at", "timestamptz"),
    ])

  private static let contextValues = Destination(
    "set_context", .call, key: 2, coalescing: .keepLast, exactly: "set_context_late",
    [Column("session_id"), Column("key"), Column("kind"), Column("value", "jsonb")] + position + [Column("at", "timestamptz")])

  private static let removedContext = Destination(
    "remove_context", .call, key: 2, coalescing: .keepLast, [Column("session_id"), Column("key")] + position)

  private static let toolCalls = Destination(
    "apply_tool_calls", .call, key: 2, coalescing: .join,
    [
      Column("session_id"), Column("call_id"), Column("started_ms", "bigint"), Column("started_no", "bigint"),
      Column("started_lane", "integer"), Column("started_at", "timestamptz"), Column("tool"), Column("arguments", "jsonb"),
      Column("idempotency_key"), Column("started_ext", "jsonb"), Column("finished_ms", "bigint"), Column("finished_no", "bigint"),
      Column("finished_lane", "integer"), Column("finished_at", "timestamptz"), Column("status"), Column("result", "jsonb"),
      Column("error"), Column("cost", "numeric"),
      Column("usage", "jsonb"), Column("finished_ext", "jsonb"),
    ])

  private static let outcomes = Destination(
    "outcomes", .append, key: 1,
    [Column("session_id")] + position + [
      Column("label"), Column("score", "double precision"), Column("scorer"), Column("message_id"), Column("call_id"),
      Column("meta", "jsonb"), Column("ext", "jsonb"), Column("at", "timestamptz"),
    ])

  /// This destination is the last one: a snapshot reads what the others wrote.
  private static let snapshots = Destination(
    "take_snapshots", .call, key: 1,
    [Column("session_id")] + position + [Column("seq", "bigint"), Column("reason"), Column("at", "timestamptz")])

  package static let all: [Route] = [
    Route(nil, into: ensuredSessions, [.session, .laneID, .time]),
    Route(
      ["session.started"], into: sessionChanges,
      [
        .session, .entryMilliseconds, .entryNumber, .laneID, .time, .type, .field("agent"), .field("user"), .field("tenant"),
        .field("title"),
        .field("parent"), .constant("active"), .prefixed, .extras,
      ]),
    Route(
      ["session.updated"], into: sessionChanges,
      [
        .session, .entryMilliseconds, .entryNumber, .laneID, .time, .type, .null, .null, .null, .field("title"), .null, .field("status"),
        .prefixed, .extras,
      ]),
    Route(
      ["session.ended"], into: sessionChanges,
      [
        .session, .entryMilliseconds, .entryNumber, .laneID, .time, .type, .null, .null, .null, .null, .null,
        .fieldOr("status", default: "completed"), .null, .extras,
      ]),
    Route(
      ["message.appended"], into: messages,
      [
        .session, .entryMilliseconds, .entryNumber, .laneID, .seq, .field("message_id"), .field("parent_id"), .field("call_id"),
        .field("role"),
        .field("content"), .field("parts"), .field("model"), .field("tokens"), .field("usage"), .field("meta"), .extras, .time,
      ]),
    Route(
      ["message.appended"], with: "message_id", into: hiddenMessages,
      [.session, .entryMilliseconds, .entryNumber, .laneID, .time, .constant("replace"), .field("message_id")]),
    Route(
      ["message.removed"], with: "message_id", into: hiddenMessages,
      [.session, .entryMilliseconds, .entryNumber, .laneID, .time, .constant("remove"), .field("message_id")]),
    Route(
      ["message.removed"], without: "message_id", into: hiddenMessages,
      [.session, .entryMilliseconds, .entryNumber, .laneID, .time, .constant("last"), .null]),
    Route(
      ["messages.cleared"], into: hiddenMessages,
      [.session, .entryMilliseconds, .entryNumber, .laneID, .time, .constant("clear"), .null]),
    Route(
      ["context.set"], into: contextHistory,
      [
        .session, .entryMilliseconds, .entryNumber, .laneID, .field("key"), .fieldOr("kind", default: "note"), .field("value"),
        .constant("false"), .time,
      ]),
    Route(
      ["context.removed"], into: contextHistory,
      [.session, .entryMilliseconds, .entryNumber, .laneID, .field("key"), .null, .null, .constant("true"), .time]),
    Route(
      ["context.set"], into: contextValues,
      [.session, .field("key"), .fieldOr("kind", default: "note"), .field("value"), .entryMilliseconds, .entryNumber, .laneID, .time]),
    Route(["context.removed"], into: removedContext, [.session, .field("key"), .entryMilliseconds, .entryNumber, .laneID]),
    Route(
      ["tool.started"], into: toolCalls,
      [
        .session, .field("call_id"), .entryMilliseconds, .entryNumber, .laneID, .time, .field("tool"), .field("arguments"),
        .field("idempotency_key"), .extras, .null, .null, .null, .null, .null, .null, .null, .null, .null, .null,
      ]),
    Route(
      ["tool.finished"], into: toolCalls,
      [
        .session, .field("call_id"), .null, .null, .null, .null, .null, .null, .null, .null, .entryMilliseconds, .entryNumber, .laneID,
        .time,
        .field("status"), .field("result"), .field("error"), .field("cost"), .field("usage"), .extras,
      ]),
    Route(
      ["outcome.recorded"], into: outcomes,
      [
        .session, .entryMilliseconds, .entryNumber, .laneID, .field("label"), .field("score"), .field("scorer"), .field("message_id"),
        .field("call_id"), .field("meta"), .extras, .time,
      ]),
    Route(
      ["snapshot.requested"], into: snapshots,
      [.session, .entryMilliseconds, .entryNumber, .laneID, .seq, .field("reason"), .time]),
    Route(nil, isForSnapshots: true, into: snapshots, [.session, .entryMilliseconds, .entryNumber, .laneID, .seq, .type, .time]),
  ]
}
