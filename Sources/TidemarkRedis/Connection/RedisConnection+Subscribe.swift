extension RedisConnection {
  /// What was published on a channel.
  package struct Message: Sendable, Equatable {
    package var channel: String
    /// A bulk, apart from the server's own channels.
    package var payload: RedisReply

    package init(channel: String, payload: RedisReply) {
      self.channel = channel
      self.payload = payload
    }
  }

  /// Gets messages in the order in which they came, on the connection's event loop, and at last why there will be no more.
  package typealias Receiver = @Sendable (Result<Message, RedisError>) -> Void

  /// Subscribes to channels. From then on the server takes nothing else on this connection.
  ///
  /// - Parameter receiver: must not block.
  /// - Throws: ``RedisError`` where the server refuses one.
  package func subscribe(to channels: [String], receiver: @escaping Receiver) async throws {
    receive(with: receiver)
    // Each channel is answered by itself.
    for reply in try await pipeline(channels.map { ["SUBSCRIBE", .text($0)] }) { _ = try reply.orThrow() }
  }
}
