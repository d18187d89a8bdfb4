/// The schema's versions and the function library, carried inside the binary. Each SQL file is applied once, in order, and never edited once
/// it was released.
package enum Migrations {
  package static let all: [(version: Int, name: String, sql: String)] = [
    (version: 1, name: "ledger", sql: text(PackageResources._001_ledger_sql)),
    (version: 2, name: "sessions", sql: text(PackageResources._002_sessions_sql)),
    (version: 3, name: "messages", sql: text(PackageResources._003_messages_sql)),
    (version: 4, name: "context", sql: text(PackageResources._004_context_sql)),
    (version: 5, name: "tool_calls", sql: text(PackageResources._005_tool_calls_sql)),
    (version: 6, name: "readers", sql: text(PackageResources._006_readers_sql)),
    (version: 7, name: "installation", sql: text(PackageResources._007_installation_sql)),
    (version: 8, name: "hot_state", sql: text(PackageResources._008_hot_state_sql)),
    (version: 9, name: "seals", sql: text(PackageResources._009_seals_sql)),
    (version: 10, name: "reconcile", sql: text(PackageResources._010_reconcile_sql)),
    (version: 11, name: "state_check", sql: text(PackageResources._011_state_check_sql)),
    (version: 12, name: "forget", sql: text(PackageResources._012_forget_sql)),
    (version: 13, name: "export", sql: text(PackageResources._013_export_sql)),
    (version: 14, name: "tune", sql: text(PackageResources._014_tune_sql)),
    (version: 15, name: "questions", sql: text(PackageResources._015_questions_sql)),
  ]

  /// The function library of Redis, whose parts follow one another in the order of their names. `{{library}}` stands for its name.
  package static let functions = [
    PackageResources.__values_lua, PackageResources.__types_lua, PackageResources.__changes_lua, PackageResources.__state_lua,
    PackageResources.__append_lua, PackageResources.__calls_lua, PackageResources.__forget_lua,
  ].map(text).joined()

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
  }
}
