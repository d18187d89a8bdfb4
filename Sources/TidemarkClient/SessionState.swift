/// The state of a session as Redis has it. Texts are as they were written; JSON stays text.
public struct SessionState: Sendable, Equatable {
  /// A message or an open call: the fields of its entry by name.
  public typealias Fields = [String: String]

  /// The number of the last change. Pass it as `expecting` to write only if no other writer has changed the session since.
  public var seq: Int64
  public var epoch: Int64
  public var status: String
  public var agent: String?
  public var user: String?
  public var tenant: String?
  public var title: String?
  public var parent: String?
  /// JSON by key.
  public var meta: [String: String]
  /// JSON by key.
  public var context: [String: String]
  /// The kinds of context values that are not `note`.
  public var kinds: [String: String]
  /// The last messages, oldest first: `role`, `content`, `message_id` and the others.
  public var messages: [Fields]
  /// Calls that began and have not ended, in the order in which they began: `call_id`, `tool`, `arguments`, `idempotency_key`.
  public var openCalls: [Fields]
  /// Whether the session began in Redis while Postgres may know more of it, and no worker has completed it yet.
  public var isFresh: Bool

  init(session: [String: String], context: [String: String], calls: [String: String], messages: [String]) {
    func number(_ name: String) -> Int64 { session[name].flatMap { Int64($0) } ?? 0 }
    func prefixed(_ prefix: String) -> [String: String] {
      Dictionary(
        session.filter { $0.key.hasPrefix(prefix) }.map { (String($0.key.dropFirst(prefix.count)), $0.value) }, uniquingKeysWith: { $1 })
    }
    seq = number("seq")
    epoch = number("epoch")
    status = session["status"] ?? "active"
    (agent, user, tenant) = (session["agent"], session["user"], session["tenant"])
    (title, parent) = (session["title"], session["parent"])
    meta = prefixed("meta.")
    kinds = prefixed("kind.")
    self.context = context
    self.messages = messages.map(FlatJSON.fields)
    let lines = calls.values.flatMap { $0.split(separator: "\n") }
    openCalls = lines.map { FlatJSON.fields(String($0)) }.sorted { EntryOrder.isBefore($0["entry_id"], $1["entry_id"]) }
    isFresh = session["fresh"] != nil
  }
}
