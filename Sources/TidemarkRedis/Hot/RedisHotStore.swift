package import TidemarkCore

/// The hot state of sessions in a Redis of any kind, through the installation's function library.
///
/// Connections are opened when they are needed; ``close()`` ends them. Safe to use from any task.
package struct RedisHotStore: HotStore {
  let configuration: RedisConfiguration
  let keyspace: RedisKeyspace
  let lanes: LaneCatalog

  /// Connects nothing yet.
  ///
  /// - Parameter name: the name of its connections, which `CLIENT LIST` shows.
  package init(_ configuration: RedisConfiguration, lanes: LaneCatalog, name: String) {
    self.configuration = configuration
    self.lanes = lanes
    keyspace = RedisKeyspace(configuration, name: name)
  }

  package func close() async { await keyspace.close() }

  package func presence(of sessions: [String]) async throws -> (readAt: Int64, presences: [HotPresence]) {
    guard let first = sessions.first else { return (0, []) }
    let commands = try sessions.map { id -> (key: String, command: [RedisArgument]) in
      let keys = try keys(of: id)
      return (keys.session, FunctionCall.command("presence", of: lanes.keys.functions, isReading: true, keys, [.text(id)]))
    }
    let anyKey = try keys(of: first).session
    return try await translating {
      let readAt = try await time(beside: anyKey)
      let presences = try await keyspace.pipeline(commands).map { reply -> HotPresence in
        // A key of another type is nobody's session, and stays as it is.
        if case .error(let message) = reply, ServerErrorClass.concernsKey(message) { return .hot(seq: 0) }
        guard let values = try reply.orThrow().elements, values.count == 5 else { return .absent }
        let seq = values[3].number ?? 0
        guard values[1].number == 1, let id = values[0].text.flatMap({ EntryID($0) }), let epoch = values[2].number else {
          return .hot(seq: seq)
        }
        return .fresh(FreshSession(entry: id, epoch: epoch, seq: seq, incarnation: values[4].number ?? 0))
      }
      return (readAt, presences)
    }
  }

  package func load(_ sessions: [String]) async throws -> (readAt: Int64, sessions: [LoadedSession?]) {
    guard let first = sessions.first else { return (0, []) }
    let commands = try sessions.map { id -> (key: String, command: [RedisArgument]) in
      let keys = try keys(of: id)
      return (keys.session, FunctionCall.command("load", of: lanes.keys.functions, isReading: true, keys, [.text(id)]))
    }
    let anyKey = try keys(of: first).session
    return try await translating {
      let readAt = try await time(beside: anyKey)
      let loaded = try zip(sessions, try await keyspace.pipeline(commands)).map { id, reply -> LoadedSession? in
        if case .error(let message) = reply, message.hasPrefix("COLD") || ServerErrorClass.concernsKey(message) { return nil }
        guard let parts = try reply.orThrow().elements, parts.count == 4 else {
          throw RedisError(.malformedReply, "the reply to load is not a session's state")
        }
        let texts = parts.map { ($0.elements ?? []).map { $0.text ?? "" } }
        return LoadedSession(id: id, fields: texts[0], context: texts[1], messages: texts[3], calls: texts[2])
      }
      return (readAt, loaded)
    }
  }

  package func restore(_ sessions: [HotRestore], for installation: InstallationID) async throws -> [Result<HotRestore.Outcome, SourceError>]
  {
    guard let first = sessions.first else { return [] }
    let places = try sessions.map { try keys(of: $0.session.id) }
    let anyKey = try keys(of: first.session.id).session
    return try await translating {
      let now = try await time(beside: anyKey)
      let calls = zip(sessions, places).map { session, keys in
        (key: keys.session, command: call(session, keys, installation, now: now))
      }
      return try zip(places, try await keyspace.pipeline(calls)).map { keys, reply in
        guard case .error(let message) = reply else {
          guard let outcome = reply.number.flatMap({ HotRestore.Outcome(rawValue: $0) }) else {
            throw RedisError(.malformedReply, "the reply to restore is none of its answers")
          }
          return .success(outcome)
        }
        if message.hasPrefix("OTHER") {
          throw SourceError(
            .otherInstallation(keys.partition.changes),
            "\(configuration.address): the lane \(keys.partition.changes) belongs to another installation")
        }
        let error = RedisError(.server, message)
        if error.isOfMissingFunction { throw error }
        return .failure(SourceError(error, address: configuration.address))
      }
    }
  }

  package func lanes(named names: [String]) async throws -> [HotLane] {
    let streams = names.map { (key: $0, command: ["XINFO", "STREAM", .text($0)] as [RedisArgument]) }
    let marks = names.map { lane -> (key: String, command: [RedisArgument]) in
      let hash = lanes.markPlace(of: lane).hash
      return (hash, ["HMGET", .text(hash), "incarnation", "history"])
    }
    let histories = names.map { (key: $0, command: RedisHistory.command) }
    return try await translating {
      let replies = try await keyspace.pipeline(streams + marks + histories)
      return try names.indices.map { index in
        let (stream, mark) = (replies[index], try replies[names.count + index].orThrow().elements ?? [])
        var lane = HotLane(end: nil, incarnation: mark.first?.number, history: RedisHistory.name(in: replies[2 * names.count + index]))
        lane.markHistory = mark.last?.text
        if case .error(let message) = stream, message.hasPrefix("ERR no such key") { return lane }
        lane.end = try stream.orThrow()["last-generated-id"]?.text.flatMap { EntryID($0) }
        return lane
      }
    }
  }

  package func append(_ changes: [SessionChange], to session: String, expecting expected: Int64?) async throws -> EntryID {
    let keys = try keys(of: session)
    let command = AppendCall.command(changes, session: session, expecting: expected, keys, functions: lanes.keys.functions)
    return try await translating {
      let reply = try await keyspace.pipeline([(keys.session, command)])[0]
      if case .error(let message) = reply, let refusal = AppendCall.refusal(message) { throw refusal }
      guard let last = try reply.orThrow().elements?.last?.elements, last.count == 3, let id = last[2].text.flatMap({ EntryID($0) }) else {
        throw RedisError(.malformedReply, "the reply to append_all is not a list of answers")
      }
      return id
    }
  }

  package func add(_ change: SessionChange, to session: String) async throws -> EntryID {
    let lane = try keys(of: session).partition.changes
    let command: [RedisArgument] = ["XADD", .text(lane), "*", "type", .text(change.type), "session", .text(session)]
    let fields = change.fields.map { RedisArgument.text($0) }
    return try await translating {
      guard let id = try await keyspace.pipeline([(lane, command + fields)])[0].orThrow().text.flatMap({ EntryID($0) }) else {
        throw RedisError(.malformedReply, "the reply to XADD is not an id")
      }
      return id
    }
  }

  func time(beside key: String) async throws -> Int64 {
    Int64(clamping: try await keyspace.pipeline([(key, ["TIME"])])[0].clockMilliseconds())
  }

  /// A call of the library's `restore`: what it expects, then five parts, each with its number of items before it.
  private func call(_ restore: HotRestore, _ keys: SessionKeys, _ installation: InstallationID, now: Int64) -> [RedisArgument] {
    let session = restore.session
    var fields = session.fields
    // An epoch that begins now is later than every earlier one, also where the server's clock went back: each of them began before a change
    // that the ledger knows, or was lost.
    let (epoch, seq) =
      switch restore.numbering {
      case .goesOn(let epoch, let seq): (epoch, seq)
      case .beginsAnew: (max(now, session.entry.ledgerMS + 1), 0)
      }
    fields += [
      "seq", "\(seq)", "epoch", "\(epoch)", "incarnation", "\(restore.incarnation)", "entry_id", "\(session.entry)", "started_id",
      "\(session.entry)", "restored_at", "\(now)",
    ]
    let expected =
      switch restore.expected {
      case .absent, .hot: "-"
      case .fresh(let fresh): "\(fresh.entry)"
      }
    let flags = (restore.overwrites ? 1 : 0) + (restore.needsMark ? 2 : 0) + (restore.rebuilds ? 4 : 0)
    var arguments: [RedisArgument] = [
      .text(session.id), .text(installation.text), .text(expected), .integer(Int64(flags)), .integer(restore.readAt),
    ]
    for (part, width) in [(fields, 2), (session.context, 2), (session.messages, 1), (session.calls, 2), (restore.eventIDs, 2)] {
      arguments.append(.integer(Int64(part.count / width)))
      arguments += part.map { .text($0) }
    }
    return FunctionCall.command("restore", of: lanes.keys.functions, keys, arguments)
  }

  func keys(of session: String) throws -> SessionKeys {
    guard let keys = lanes.hotKeys(of: session) else {
      throw SourceError(.misconfigured, "sessions have no hot state: state.enabled is false")
    }
    return keys
  }

  func translating<T>(_ body: () async throws -> T) async throws -> T {
    do {
      return try await body()
    } catch let error as RedisError {
      if error.isOfMissingFunction {
        throw SourceError(
          .misconfigured, "\(configuration.address) lacks the functions of \(lanes.keys.functions); run `tidemark migrate`")
      }
      throw SourceError(error, address: configuration.address)
    }
  }
}
