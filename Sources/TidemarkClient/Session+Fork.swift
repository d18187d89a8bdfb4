internal import TidemarkCore
internal import TidemarkRedis

extension Session {
  /// Makes a new session that begins with this one's state, and returns it once all of it is in Redis. A worker does it.
  ///
  /// - Parameters:
  ///   - new: the name of the new session, which must not exist; nil: made from this one's.
  ///   - entry: the last entry that the new session takes over, such as ``Receipt/entry``; nil: all that is written.
  /// - Throws: ``ClientError``.
  public func fork(as new: String? = nil, at entry: String? = nil) async throws -> Session {
    let fork = client.session(new ?? "\(id)-\(EventIdentifier.make())")
    let (keys, forkKeys) = (try await client.keys(of: id), try await client.keys(of: fork.id))
    if let entry, EntryID(entry) == nil { throw ClientError(.invalid(field: "at"), "\(entry) is not an entry id") }
    guard try await client.send(forkKeys.session, ["HLEN", .text(forkKeys.session)]).number == 0 else {
      throw ClientError(.invalid(field: "as"), "a session of this name is in Redis")
    }
    var request: [RedisArgument] = ["op", "fork", "session", .text(id), "as", .text(fork.id)]
    if let entry { request += ["at", .text(entry)] }
    let words = request
    return try await waitForWorker(asking: { try await ask(keys, words) }) {
      // The mark is written last.
      let mark = try await client.send(forkKeys.session, ["HGET", .text(forkKeys.session), "meta.fork"])
      return mark == .null ? nil : fork
    }
  }
}
