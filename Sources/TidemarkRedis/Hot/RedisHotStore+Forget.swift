package import TidemarkCore

/// The erasure of sessions in Redis. All methods throw ``SourceError``, and may be called again after they threw.
extension RedisHotStore {
  /// Removes sessions, whatever their state, each in one atomic step; what a worker has read before to restore one is not written any more.
  /// Returns the number of sessions that were there, and the time on Redis' clock in Unix milliseconds.
  package func forget(_ sessions: [String], for installation: InstallationID) async throws -> (removed: Int, now: Int64) {
    let calls = try sessions.map { id -> (key: String, command: [RedisArgument]) in
      let keys = try keys(of: id)
      return (
        keys.session, FunctionCall.command("forget", of: lanes.keys.functions, keys, [.text(id), .text(installation.text)])
      )
    }
    return try await translating {
      var (removed, now) = (0, Int64(0))
      for reply in try await keyspace.pipeline(calls) {
        guard let parts = try reply.orThrow().elements, parts.count == 2, let count = parts[0].number, let time = parts[1].number else {
          throw RedisError(.malformedReply, "the reply to forget is not two numbers")
        }
        removed += count > 0 ? 1 : 0
        now = max(now, time)
      }
      return (removed, now)
    }
  }

  /// Returns those of these sessions that have keys, but for those that began after a time on Redis' clock in Unix milliseconds.
  package func traces(of sessions: [String], begunBy ms: Int64) async throws -> [String] {
    let calls = try sessions.map { id -> (key: String, command: [RedisArgument]) in
      let keys = try keys(of: id)
      return (keys.session, FunctionCall.command("traces", of: lanes.keys.functions, isReading: true, keys, [.text(id)]))
    }
    return try await translating {
      try zip(sessions, try await keyspace.pipeline(calls)).compactMap { id, reply in
        guard let parts = try reply.orThrow().elements, parts.count == 2, let count = parts[0].number else {
          throw RedisError(.malformedReply, "the reply to traces is not a number and an epoch")
        }
        return count > 0 && parts[1].number ?? 0 <= ms ? id : nil
      }
    }
  }

  /// Returns some entries of a partition's lane after one of them, without their content.
  package func entries(of lane: String, after id: EntryID, count: Int) async throws -> StreamEntries {
    let keys = try anySession(of: lane)
    let command = FunctionCall.command(
      "entries", of: lanes.keys.functions, isReading: true, keys, [.text(Self.nobody), .text(id.description), .integer(Int64(count))])
    return try await translating {
      guard let parts = try await keyspace.pipeline([(keys.session, command)])[0].orThrow().elements, parts.count == 4,
        let total = parts[0].number, let bytes = parts[1].number, let pairs = parts[3].elements
      else {
        throw RedisError(.malformedReply, "the reply to entries is not two numbers, an id and a list")
      }
      // A session that is not UTF-8 is none: its entry is a dead letter of which nobody knows whose it is.
      let entries = stride(from: 0, to: pairs.count - 1, by: 2).compactMap { place -> StreamEntries.Entry? in
        guard let id = pairs[place].text.flatMap({ EntryID($0) }), let session = pairs[place + 1].text else { return nil }
        return StreamEntries.Entry(id: id, session: session)
      }
      return StreamEntries(
        entries: entries, count: Int(total), last: parts[2].text.flatMap { EntryID($0) }, bytes: Int(bytes))
    }
  }

  /// Removes entries from a partition's lane that stand before its cursor and are still of these sessions. Returns how many it removed.
  ///
  /// - Parameter record: the lane as it is committed. In another incarnation nothing is removed: the ids may be those of other entries.
  package func erase(_ entries: [StreamEntries.Entry], of record: LaneRecord, for installation: InstallationID) async throws -> Int {
    guard !entries.isEmpty else { return 0 }
    let keys = try anySession(of: record.name)
    let arguments: [RedisArgument] = [
      .text(Self.nobody), .text(installation.text), .integer(record.incarnation), .text(record.cursor.position.description),
    ]
    let pairs = entries.flatMap { [RedisArgument.text($0.id.description), .text($0.session)] }
    let command = FunctionCall.command("erase", of: lanes.keys.functions, keys, arguments + pairs)
    return try await translating { Int(try await keyspace.pipeline([(keys.session, command)])[0].orThrow().number ?? 0) }
  }

  /// Adds an entry to a partition's lane that has no effect, so that the entry before it is no longer the one that the lane is known by.
  package func addMarker(to lane: String) async throws {
    let command: [RedisArgument] = [
      "XADD", .text(lane), "*", "type", "tidemark.forgotten", "session", .text(Self.nobody), "ephemeral", "1",
    ]
    try await translating { _ = try await keyspace.pipeline([(lane, command)])[0].orThrow() }
  }

  /// The name of a session that is none. Functions that concern a whole lane are called for it: they check that keys belong together.
  private static let nobody = "tidemark"

  private func anySession(of lane: String) throws -> SessionKeys {
    guard let keys = lanes.markPlace(of: lane).keys else {
      throw SourceError(.misconfigured, "\(lane) is no lane of a partition")
    }
    return keys.session(Self.nobody)
  }
}
