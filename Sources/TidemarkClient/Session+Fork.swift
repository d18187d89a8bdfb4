internal import TidemarkCore
internal import TidemarkRedis

extension Session {
  /// Makes a new session that begins with this one's state, and returns it once it is in Redis. A worker does it.
  ///
  /// - Parameters:
  ///   - new: the name of the new session; nil: made from this one's.
  ///   - entry: the last entry that the new session takes over, such as ``Receipt/entry``; nil: all that is written.
  /// - Throws: ``ClientError``.
  public func fork(as new: String? = nil, at entry: String? = nil) async throws -> Session {
    let fork = client.session(new ?? "\(id)-\(EventIdentifier.make())")
    let (keys, forkKeys) = (try await client.keys(of: id), try await client.keys(of: fork.id))
    if let entry, EntryID(entry) == nil { throw ClientError(.invalid(field: "at"), "\(entry) is not an entry id") }
    var request: [RedisArgument] = ["op", "fork", "session", .text(id), "as", .text(fork.id)]
    if let entry { request += ["at", .text(entry)] }
    _ = try await client.send(keys.partition.requests, ["XADD", .text(keys.partition.requests), "*"] + request)
    return try await waitForRestore {
      let isThere = try await client.send(forkKeys.session, ["EXISTS", .text(forkKeys.session)]).number == 1
      return isThere ? fork : nil
    }
  }
}
