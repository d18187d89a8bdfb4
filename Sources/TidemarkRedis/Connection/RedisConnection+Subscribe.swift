extension RedisConnection {
  /// A message that was published on a channel.
  package struct Message: Sendable, Equatable {
    package var channel: String
    /// The payload: a bulk, except on the server's own channels.
    package var payload: RedisReply

    package init(channel: String, payload: RedisReply) {
      self.channel = channel
      self.payload = payload
    }
  }

  /// Receives messages in the order of their arrival, on the connection's event loop, and finally the error that ends them.
  package typealias Receiver = @Sendable (Result<Message, RedisError>) -> Void

  /// Subscribes to channels. Afterwards the server accepts no other commands on this connection.
  ///
  /// - Parameter receiver: must not block.
  /// - Throws: ``RedisError`` if the server refuses a channel.
  package func subscribe(to channels: [String], receiver: @escaping Receiver) async throws {
    receive(with: receiver)
    // The server replies to each channel separately.
    for reply in try await pipeline(channels.map { ["SUBSCRIBE", .text($0)] }) { _ = try reply.orThrow() }
  }
}
