internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Holds one connection, which it opens when it is needed and again after a loss.
///
/// It never waits between attempts; the caller decides when to retry. Calls that arrive while a connection is being opened share it. All
/// connections are on one event loop.
actor RedisConnectionSlot {
  private struct Numbered {
    var connection: RedisConnection
    var number: Int
  }

  /// One counter for all slots, so that a server that is forgotten and found again never reuses the number of an earlier connection.
  private static let made = Atomic(0)

  private let configuration: RedisConfiguration
  private let name: String
  private let eventLoop: any EventLoop
  nonisolated let taskExecutor: any TaskExecutor
  /// The current connection, or the last one. Only the actor sets it.
  private nonisolated let present = Mutex<Numbered?>(nil)
  private var opening: Task<RedisConnection, any Error>?
  private var closings = 0

  init(_ configuration: RedisConfiguration, name: String) {
    self.configuration = configuration
    self.name = name
    eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    taskExecutor = EventLoopTaskExecutor(eventLoop)
  }

  /// The number of the current connection, which differs from those of all earlier ones; 0 before the first.
  nonisolated var connectionNumber: Int { present.withLock { $0?.number ?? 0 } }

  /// The number of the current connection; nil if it is lost.
  nonisolated var openConnectionNumber: Int? { present.withLock { $0.flatMap { $0.connection.isOpen ? $0.number : nil } } }

  /// Runs commands on the connection. If the server has closed an idle connection, which is noticed only at the first command, the commands
  /// run once more on a new connection; they must be repeatable.
  func perform<Value: Sendable>(_ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    let (connection, isFresh) = try await current()
    do {
      return try await Self.run(body, on: connection)
    } catch let error as RedisError where error.code == .connectionClosed && !isFresh && !Task.isCancelled {
      return try await Self.run(body, on: try await current().connection)
    }
  }

  /// Runs commands on the connection with this number; throws `connectionClosed` if it was replaced.
  func perform<Value: Sendable>(over number: Int, _ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    guard let present = present.withLock({ $0 }), present.connection.isOpen, present.number == number else {
      throw RedisError(.connectionClosed, "the connection over which the lanes were observed was replaced")
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

  /// Returns whether an error means that the server is a replica, or is becoming one. Its address, or a Sentinel, may lead to the new
  /// master; and by the next call the server may hold the new master's data, which only a new connection makes visible.
  private static func isDemotion(_ message: String) -> Bool {
    ["READONLY", "UNBLOCKED", "LOADING", "MASTERDOWN"].contains { message.hasPrefix($0) }
  }

  /// Closes the connection; pending commands fail with `connectionClosed`, and a later call connects again. A connection to `address` is
  /// kept.
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

  /// Opens a connection in its own task: a waiting caller may be cancelled while others still wait. All of them find the connection in the
  /// slot.
  private func open() async throws -> RedisConnection {
    defer { opening = nil }
    let before = closings
    let connection = try await RedisConnection.connect(configuration, name: name, on: eventLoop)
    do {
      try await RedisInspector(connection).requireSupportedVersion()
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

  /// Returns the opened connection. A caller that waits for a connection which ``close(unlessTo:)`` cancelled was not cancelled itself, so
  /// it gets another error.
  private static func opened(_ task: Task<RedisConnection, any Error>) async throws -> RedisConnection {
    do {
      return try await task.value
    } catch is CancellationError where !Task.isCancelled {
      throw RedisError(.connectionClosed, "the connection was closed while it was being opened")
    }
  }
}
