internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A place for one connection that is made when it is needed and made again after a loss.
///
/// It never waits between attempts: when to try again is the caller's decision. Calls that come while a connection is
/// being made share it. All of them are on one event loop.
actor RedisConnectionSlot {
  private struct Numbered {
    var connection: RedisConnection
    var number: Int
  }

  /// One count for all slots: a server that is forgotten and known again never has the number of an earlier connection.
  private static let made = Atomic(0)

  private let configuration: RedisConfiguration
  private let name: String
  private let eventLoop: any EventLoop
  nonisolated let taskExecutor: any TaskExecutor
  /// The connection that there is, or was last. Set on the actor only.
  private nonisolated let present = Mutex<Numbered?>(nil)
  private var opening: Task<RedisConnection, any Error>?
  private var closings = 0

  init(_ configuration: RedisConfiguration, name: String) {
    self.configuration = configuration
    self.name = name
    eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    taskExecutor = EventLoopTaskExecutor(eventLoop)
  }

  /// Tells the connection from all that were there before; 0 before the first.
  nonisolated var connectionNumber: Int { present.withLock { $0?.number ?? 0 } }

  /// The same; nil where the connection is lost.
  nonisolated var openConnectionNumber: Int? { present.withLock { $0.flatMap { $0.connection.isOpen ? $0.number : nil } } }

  /// Runs commands on the connection. When the server had closed an idle connection, which shows only at the first
  /// command, they are run once more on a new one: they must be repeatable.
  func perform<Value: Sendable>(_ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    let (connection, isFresh) = try await current()
    do {
      return try await Self.run(body, on: connection)
    } catch let error as RedisError where error.code == .connectionClosed && !isFresh && !Task.isCancelled {
      return try await Self.run(body, on: try await current().connection)
    }
  }

  /// The same over the connection of this number: throws `connectionClosed` where there is another by now.
  func perform<Value: Sendable>(over number: Int, _ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    guard let present = present.withLock({ $0 }), present.connection.isOpen, present.number == number else {
      throw RedisError(.connectionClosed, "the connection that the lanes were looked at over is another by now")
    }
    return try await Self.run(body, on: present.connection)
  }

  private static func run<Value: Sendable>(
    _ body: @Sendable (RedisConnection) async throws -> Value, on connection: RedisConnection
  ) async throws -> Value {
    do {
      return try await body(connection)
    } catch let error as RedisError where error.code == .server && isDemotion(error.message) {
      await connection.close()
      throw error
    }
  }

  /// A replica by now, or about to become one: its address, or a Sentinel, may lead to the new master. And what it has by the next call may be
  /// the new master's, which only a new connection says.
  private static func isDemotion(_ message: String) -> Bool {
    ["READONLY", "UNBLOCKED", "LOADING", "MASTERDOWN"].contains { message.hasPrefix($0) }
  }

  /// What is under way fails with `connectionClosed`; a later call connects again. Not what is connected to the address, where one is given.
  func close(unlessTo address: String? = nil) async {
    let connection = present.withLock { $0?.connection }
    if let connection, connection.isOpen, connection.address == address { return }
    closings += 1
    opening?.cancel()
    await connection?.close()
  }

  private func current() async throws -> (connection: RedisConnection, isFresh: Bool) {
    if let connection = present.withLock({ $0?.connection }), connection.isOpen { return (connection, false) }
    if let opening { return (try await Self.opened(opening), true) }
    let task = Task { try await open() }
    opening = task
    return (try await Self.opened(task), true)
  }

  /// In a task of its own: whoever waits for it may be cancelled, and others wait, too. All of them find it in its place.
  private func open() async throws -> RedisConnection {
    defer { opening = nil }
    let before = closings
    let connection = try await RedisConnection.connect(configuration, name: name, on: eventLoop)
    do {
      try await RedisPrefixClaim(connection).requireSupportedVersion()
      try Task.checkCancellation()
      guard closings == before else { throw CancellationError() }
    } catch {
      await connection.close()
      throw error
    }
    let number = Self.made.add(1, ordering: .relaxed).newValue
    present.withLock { $0 = Numbered(connection: connection, number: number) }
    return connection
  }

  /// Whoever waits for a connection that ``close(unlessTo:)`` gave up was not cancelled himself.
  private static func opened(_ task: Task<RedisConnection, any Error>) async throws -> RedisConnection {
    do {
      return try await task.value
    } catch is CancellationError where !Task.isCancelled {
      throw RedisError(.connectionClosed, "the connection was given up while it was being made")
    }
  }
}
