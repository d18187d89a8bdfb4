internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A place for one connection that is made when it is needed and made again after a loss.
///
/// It never waits between attempts: when to try again is the caller's decision. Calls that come while a connection is
/// being made share it. All of them are on one event loop.
actor RedisConnectionSlot {
  private let configuration: RedisConfiguration
  private let name: String
  private let eventLoop: any EventLoop
  nonisolated let taskExecutor: any TaskExecutor
  private nonisolated let made = Atomic(0)
  private var connection: RedisConnection?
  private var opening: Task<RedisConnection, any Error>?
  private var closings = 0

  init(_ configuration: RedisConfiguration, name: String) {
    self.configuration = configuration
    self.name = name
    eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    taskExecutor = EventLoopTaskExecutor(eventLoop)
  }

  /// How often a connection was made.
  nonisolated var connections: Int { made.load(ordering: .relaxed) }

  /// Runs commands on the connection. When the server had closed an idle connection, which shows only at the first
  /// command, they are run once more on a new one: they must be repeatable.
  func perform<Value: Sendable>(_ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    let (connection, isFresh) = try await current()
    do {
      return try await body(connection)
    } catch let error as RedisError where error.code == .connectionClosed && !isFresh && !Task.isCancelled {
      return try await body(try await current().connection)
    } catch let error as RedisError where error.code == .server && Self.isDemotion(error.message) {
      await connection.close()
      throw error
    }
  }

  /// A replica by now, or about to become one: its address, or a Sentinel, may lead to the new master. And what it has by the next call may be
  /// the new master's, which only a new connection says.
  private static func isDemotion(_ message: String) -> Bool {
    ["READONLY", "UNBLOCKED", "LOADING", "MASTERDOWN"].contains { message.hasPrefix($0) }
  }

  /// The same over a connection that was there before, see ``connections``: throws `connectionClosed` where there is another by now.
  func perform<Value: Sendable>(over number: Int, _ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    guard let connection, connection.isOpen, connections == number else {
      throw RedisError(.connectionClosed, "the connection that the lanes were looked at over is another by now")
    }
    return try await body(connection)
  }

  /// What is under way fails with `connectionClosed`; a later call connects again. Not what is connected to the address, where one is given.
  func close(unlessTo address: String? = nil) async {
    if let connection, connection.isOpen, connection.address == address { return }
    closings += 1
    opening?.cancel()
    let open = connection
    connection = nil
    await open?.close()
  }

  /// Whoever waits for a connection that ``close()`` gave up was not cancelled himself.
  private static func opened(_ task: Task<RedisConnection, any Error>) async throws -> RedisConnection {
    do {
      return try await task.value
    } catch is CancellationError where !Task.isCancelled {
      throw RedisError(.connectionClosed, "the connection was given up while it was being made")
    }
  }

  private func current() async throws -> (connection: RedisConnection, isFresh: Bool) {
    if let connection, connection.isOpen { return (connection, false) }
    if let opening { return (try await Self.opened(opening), true) }
    connection = nil
    let task = Task { [configuration, name, eventLoop] in
      let connection = try await RedisConnection.connect(configuration, name: name, on: eventLoop)
      do {
        try await RedisInspector(connection).requireSupportedVersion()
        try Task.checkCancellation()
      } catch {
        await connection.close()
        throw error
      }
      return connection
    }
    opening = task
    defer { opening = nil }
    let before = closings
    let fresh = try await Self.opened(task)
    guard closings == before else {
      await fresh.close()
      throw RedisError(.connectionClosed, "the connection was given up while it was being made")
    }
    connection = fresh
    made.add(1, ordering: .relaxed)
    return (fresh, true)
  }
}
