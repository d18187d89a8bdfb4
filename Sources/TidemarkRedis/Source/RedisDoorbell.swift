internal import TidemarkCore

/// A connection that Redis tells which keys were written: client-side tracking in broadcast mode, over RESP2.
///
/// The connection tracks for itself and subscribes to what it tracks. With two, as RESP2 is usually set up, the loss of the tracking
/// one would be told to nobody (redis/redis issue 11767); of this one, losing it is losing both, which is noticed at once, or by a
/// PING that is not answered.
actor RedisDoorbell {
  private let configuration: RedisConfiguration
  private var listening: (connection: RedisConnection, inbox: RingInbox, prefixes: [String])?

  init(_ configuration: RedisConfiguration) {
    self.configuration = configuration
  }

  /// One caller at a time.
  func changedLanes(_ prefixes: [String]) async throws -> ChangedLanes {
    guard let listening, listening.prefixes == prefixes else {
      await close()
      let connection = try await RedisConnection.connect(configuration, name: "tidemark-doorbell")
      do {
        let inbox = try await connection.listen(to: prefixes)
        try Task.checkCancellation()
        self.listening = (connection, inbox, prefixes)
      } catch {
        await connection.close()
        throw error
      }
      return .any
    }
    do {
      return try await listening.inbox.next()
    } catch {
      await close()
      throw error
    }
  }

  func close(unlessTo address: String? = nil) async {
    if let listening, listening.connection.address == address { return }
    let connection = listening?.connection
    listening = nil
    await connection?.close()
  }
}

extension RedisConnection {
  private static let channel = "__redis__:invalidate"

  /// From now on this connection delivers the names of written keys, and takes no other command.
  fileprivate func listen(to prefixes: [String]) async throws -> RingInbox {
    guard let id = try await send(["CLIENT", "ID"]).orThrow().number else {
      throw RedisError(.malformedReply, "CLIENT ID answered something else than a number")
    }
    let tracking: [RedisArgument] = ["CLIENT", "TRACKING", "ON", "REDIRECT", .integer(id), "BCAST"]
    _ = try await send(tracking + prefixes.flatMap { ["PREFIX", .text($0)] }).orThrow()
    let inbox = RingInbox()
    try await subscribe(to: [Self.channel]) { inbox.receive($0) }
    keepPinging()
    return inbox
  }
}
