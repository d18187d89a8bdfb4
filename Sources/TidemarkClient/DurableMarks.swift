internal import TidemarkCore
internal import TidemarkRedis

/// Hears the advances of durable marks, over one connection for all lanes of a client.
final class DurableMarks: Sendable {
  /// The longest time between two questions: a notification may be lost with its connection.
  private static let longestWait = Duration.seconds(1)

  private let subscription: Subscription
  private let advanced = ChangeSignal()

  init(_ keyspace: RedisKeyspace) {
    subscription = Subscription(keyspace)
  }

  /// Asks until the answer is true: at once, after each advance of the lane's mark, and now and then.
  ///
  /// - Throws: ``ClientError`` with code `notInTime`, or what the question throws.
  func wait(_ channel: String, timeout: Duration, _ question: () async throws -> Bool) async throws {
    let clock = SystemClock()
    let deadline = clock.now.advanced(by: timeout)
    if try await question() { return }
    // A question follows each subscription: what was published before is not heard.
    while true {
      let seen = advanced.generation
      let isHeard = await subscription.listen(to: channel) { [advanced] in advanced.raise() }
      if try await question() { return }
      guard clock.now < deadline else { throw ClientError(.notInTime, "the change was not durable within \(timeout)") }
      let pause = isHeard ? Self.longestWait : .milliseconds(100)
      await advanced.wait(after: seen, until: min(deadline, clock.now.advanced(by: pause)), on: clock)
      try Task.checkCancellation()
    }
  }

  func close() async { await subscription.close() }
}

/// The connection that listens, and the channels that it is subscribed to.
private actor Subscription {
  private let keyspace: RedisKeyspace
  private var connection: RedisConnection?
  private var channels: Set<String> = []

  init(_ keyspace: RedisKeyspace) { self.keyspace = keyspace }

  /// Makes sure that a channel is listened to. Returns false where Redis can't be reached or refuses it; the caller asks more often then.
  func listen(to channel: String, _ changed: @escaping @Sendable () -> Void) async -> Bool {
    if let connection, connection.isOpen, channels.contains(channel) { return true }
    do {
      if connection?.isOpen != true {
        await keyspace.close()
        channels = []
        connection = nil
      }
      // All channels over one connection: in a Cluster every node hears all messages.
      guard let connection = try await keyspace.connections().first else { return false }
      let wanted = channels.union([channel])
      try await connection.subscribe(to: wanted.subtracting(channels).sorted()) { _ in changed() }
      self.connection = connection
      channels = wanted
      return true
    } catch {
      return false
    }
  }

  func close() async {
    await keyspace.close()
    connection = nil
  }
}
