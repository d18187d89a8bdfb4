/// The built-in types of change and their fields, in one place.
package enum ChangeCatalog {
  /// The most bytes that a key, an id, or a name (`role`, `tool`) may have.
  static let nameLimit = 512
  static let typeLimit = 128
  static let sessionLimit = 256

  /// The fields that every entry may carry in addition to the fields of its type.
  package static let envelope: [FieldRule] = [
    FieldRule("type", required: true, maxLength: typeLimit),
    FieldRule("session", required: true, maxLength: sessionLimit),
    FieldRule("event_id", maxLength: nameLimit),
    FieldRule("seq", .integer),
    FieldRule("epoch", .integer),
    FieldRule("ts", .integer),
    FieldRule("actor"),
    FieldRule("trace"),
    FieldRule("v", .integer),
    FieldRule("ephemeral", .flag),
  ]

  package static let builtIn: [ChangeType] = [
    ChangeType(
      "session.started",
      [FieldRule("agent"), FieldRule("user"), FieldRule("tenant"), FieldRule("title"), FieldRule("parent")],
      jsonPrefix: "meta.", kept: .all),
    ChangeType("session.updated", [FieldRule("title"), FieldRule("status")], jsonPrefix: "meta.", kept: .all),
    ChangeType("session.ended", [FieldRule("status", .choice(["completed", "failed", "cancelled"]))], kept: .all),
    ChangeType(
      "message.appended",
      [
        FieldRule("role", maxLength: nameLimit), FieldRule("content"), FieldRule("parts", .jsonArray),
        FieldRule("message_id", maxLength: nameLimit), FieldRule("parent_id", maxLength: nameLimit),
        FieldRule("call_id", maxLength: nameLimit), FieldRule("model"), FieldRule("tokens", .integer), FieldRule("usage", .json),
        FieldRule("meta", .json),
      ],
      rules: [.unless("parts", required: ["role", "content"])]),
    ChangeType(
      "message.removed", [FieldRule("message_id", maxLength: nameLimit), FieldRule("last", .flag)],
      rules: [.anyOf(["message_id", "last"])], kept: .all),
    ChangeType("messages.cleared", [], kept: .all),
    ChangeType(
      "context.set",
      [
        FieldRule("key", required: true, maxLength: nameLimit), FieldRule("value", .json, required: true),
        FieldRule("kind", .choice(["goal", "fact", "result", "note"])),
      ], kept: .extras),
    ChangeType("context.removed", [FieldRule("key", required: true, maxLength: nameLimit)], kept: .extras),
    ChangeType(
      "tool.started",
      [
        FieldRule("call_id", required: true, maxLength: nameLimit), FieldRule("tool", required: true, maxLength: nameLimit),
        FieldRule("arguments", .json), FieldRule("idempotency_key", maxLength: nameLimit),
      ]),
    ChangeType(
      "tool.finished",
      [
        FieldRule("call_id", required: true, maxLength: nameLimit),
        FieldRule("status", .choice(["ok", "error", "cancelled"]), required: true), FieldRule("result", .json), FieldRule("error"),
        FieldRule("cost", .decimal), FieldRule("usage", .json),
      ], kept: .extras),
    ChangeType(
      "outcome.recorded",
      [
        FieldRule("label"), FieldRule("score", .number), FieldRule("scorer"), FieldRule("message_id", maxLength: nameLimit),
        FieldRule("call_id", maxLength: nameLimit), FieldRule("meta", .json),
      ],
      rules: [.anyOf(["label", "score"])]),
    ChangeType("snapshot.requested", [FieldRule("reason")], kept: .extras),
  ]
}
