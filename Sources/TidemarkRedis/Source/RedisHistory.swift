/// The name of the history of a server's data, as the function library takes it: the beginning of `master_replid`. A replica has its master's,
/// and begins another one when it is promoted.
enum RedisHistory {
  static let command: [RedisArgument] = ["INFO", "replication"]

  /// Returns the name in the reply to ``command``; nil where the user may not ask for it.
  static func name(in reply: RedisReply) -> String? {
    guard let name = RedisInspector.facts(of: reply)["master_replid"]?.prefix(10), name.count == 10 else { return nil }
    return String(name)
  }
}
