internal import TidemarkCore

/// A connection over which Redis reports the keys that were written: client-side tracking in broadcast mode, over RESP2.
///
/// The connection tracks for itself and subscribes to its own notifications. With two connections, the usual setup for RESP2, the loss of
/// the tracking one would go unnoticed (redis/redis issue 11767). The loss of a single connection ends both, and is noticed at once, or by
/// a PING without an answer.
actor RedisDoorbell {
  private let configuration: RedisConfiguration
  private var listening: (connection: RedisConnection, inbox: ChangedLanesInbox, prefixes: [String])?

  init(_ configuration: RedisConfiguration) {
    self.configuration = configuration
  }

  /// Returns the lanes that have changed. Only one caller at a time.
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

  /// Switches this connection to deliver the names of written keys; it then accepts no other command.
  fileprivate func listen(to prefixes: [String]) async throws -> ChangedLanesInbox {
    guard let id = try await send(["CLIENT", "ID"]).orThrow().number else {
      throw RedisError(.malformedReply, "the reply to CLIENT ID is not a number")
    }
    let tracking: [RedisArgument] = ["CLIENT", "TRACKING", "ON", "REDIRECT", .integer(id), "BCAST"]
    _ = try await send(tracking + prefixes.flatMap { ["PREFIX", .text($0)] }).orThrow()
    let inbox = ChangedLanesInbox()
    try await subscribe(to: [Self.channel]) { inbox.receive($0) }
    keepPinging()
    return inbox
  }
}
