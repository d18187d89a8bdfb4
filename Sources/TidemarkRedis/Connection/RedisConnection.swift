internal import NIOCore
package import TidemarkCore

/// One connection to Redis.
///
/// Commands may be sent from any task. Replies come in the order of the commands, so a blocking read delays the commands after it. The
/// actor runs on the connection's event loop, so a command needs no hop. Once either side has closed the connection it stays closed, and
/// every call throws `connectionClosed`.
package actor RedisConnection {
  private nonisolated let executor: any SerialExecutor
  private nonisolated let channel: any Channel
  private nonisolated let handler: NIOLoopBound<RedisChannelHandler>
  private nonisolated let openFlag: OpenFlag
  private let timeout: Duration
  private let clusterManners: RedisConfiguration.ClusterManners?
  /// The address of the configuration that the connection was made with, see ``RedisConfiguration/address``.
  nonisolated let address: String
  private var writer = CommandWriter()
  private var nextID: UInt64 = 0

  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Whether the connection is not closed yet. An open connection may still be lost; only a reply proves that it works.
  package nonisolated var isOpen: Bool { openFlag.isOpen }

  init(
    channel: any Channel, handler: NIOLoopBound<RedisChannelHandler>, openFlag: OpenFlag, configuration: RedisConfiguration
  ) {
    self.executor = channel.eventLoop.executor
    self.channel = channel
    self.handler = handler
    self.openFlag = openFlag
    timeout = configuration.commandTimeout
    clusterManners = configuration.clusterManners
    address = configuration.address
  }

  // A connection that was dropped without `close()` must not stay open on the server.
  deinit { channel.close(promise: nil) }

  /// Sends one command. An error of the server is returned as a value.
  ///
  /// - Throws: ``RedisError`` of the connection, `CancellationError`.
  package func send(_ arguments: [RedisArgument], bounds: ReplyBounds = .standard) async throws -> RedisReply {
    try await pipeline([arguments], bounds: bounds)[0]
  }

  /// Sends commands together and returns their replies in order. The bounds apply to each reply.
  package func pipeline(_ commands: [[RedisArgument]], bounds: ReplyBounds = .standard) async throws -> [RedisReply] {
    guard !commands.isEmpty else { return [] }
    if clusterManners?.asks == true { return try await asking(commands, bounds: bounds) }
    return try await plain(commands, bounds: bounds)
  }

  private func plain(_ commands: [[RedisArgument]], bounds: ReplyBounds) async throws -> [RedisReply] {
    var buffer = channel.allocator.buffer(capacity: 0)
    for command in commands {
      for argument in command { writer.append(argument) }
      try writer.finish(into: &buffer)
    }
    guard case .values(let replies) = try await submit(buffer, .value(bounds), count: commands.count, within: timeout) else {
      throw RedisError(.malformedReply, "a command got the reply of a read")
    }
    return replies
  }

  /// Sends commands that are each preceded by ASKING, which applies only to the next command, or to a whole transaction.
  private func asking(_ commands: [[RedisArgument]], bounds: ReplyBounds) async throws -> [RedisReply] {
    var sent: [[RedisArgument]] = []
    var wanted: [Int] = []
    var isInTransaction = false
    for command in commands {
      if !isInTransaction { sent.append(["ASKING"]) }
      wanted.append(sent.count)
      sent.append(command)
      if command.first == "MULTI" { isInTransaction = true }
      if command.first == "EXEC" { isInTransaction = false }
    }
    let replies = try await plain(sent, bounds: bounds)
    return wanted.map { replies[$0] }
  }

  /// Sends an XREAD and parses its reply into an ``EntryBlock``. On a Cluster, where a command may name keys of one slot only, it sends one
  /// XREAD for each lane. Blocks for `block` at most, never longer than 5 s, and only if there is one lane.
  ///
  /// - Throws: ``RedisError``, also for an error of the server; `CancellationError`, which closes the connection.
  package func readStreams(_ request: LaneReadRequest) async throws -> LaneReadReply {
    guard !request.positions.isEmpty else { return .nothing }
    var buffer = channel.allocator.buffer(capacity: 0)
    let reads = clusterManners == nil ? [request.positions] : request.positions.map { [$0] }
    let asks = clusterManners?.asks == true
    let wait = reads.count == 1 ? min(request.block ?? .zero, Self.longestBlock) : .zero
    for positions in reads {
      if asks {
        writer.append("ASKING")
        try writer.finish(into: &buffer)
      }
      try writeRead(positions, count: request.count, wait: wait, into: &buffer)
    }
    let shape = ReplyShape.entries(request, replies: asks ? 2 * reads.count : reads.count)
    do {
      guard case .entries(let reply) = try await submit(buffer, shape, count: 1, within: wait + timeout) else {
        throw RedisError(.malformedReply, "a read got the reply of a command")
      }
      return reply
    } catch var error as RedisError where error.code == .connectionClosed {
      error.isOfRead = true
      throw error
    }
  }

  private func writeRead(
    _ positions: [LaneReadRequest.Position], count: Int, wait: Duration, into buffer: inout ByteBuffer
  ) throws(RedisError) {
    writer.append("XREAD")
    writer.append("COUNT")
    writer.append(String(max(count, 1)))
    if wait > .zero {
      // BLOCK 0 would wait forever, but the number is rounded up.
      writer.append("BLOCK")
      writer.append(String(wait.milliseconds))
    }
    writer.append("STREAMS")
    for position in positions { writer.append(position.lane) }
    for position in positions { writer.append(position.after.description) }
    try writer.finish(into: &buffer)
  }

  func receive(with receiver: @escaping Receiver) { handler.value.receive(with: receiver) }

  /// Sends PINGs on a connection that only listens, to notice that the other side is gone.
  func keepPinging() { handler.value.keepPinging() }

  /// Closes the connection; pending commands fail with `connectionClosed`.
  package func close() async {
    handler.value.close()
    try? await channel.closeFuture.get()
  }

  /// A longer block could exceed the idle timeout of a proxy or a firewall.
  private static let longestBlock = Duration.seconds(5)

  private func submit(
    _ bytes: ByteBuffer, _ shape: ReplyShape, count: Int, within time: Duration
  ) async throws -> PendingRequest.Answer {
    nextID += 1
    let id = nextID
    let deadline = NIODeadline.now() + TimeAmount(time)
    let (handler, eventLoop) = (handler, channel.eventLoop)
    return try await withTaskCancellationHandler {
      try Task.checkCancellation()
      return try await withCheckedThrowingContinuation { continuation in
        let request = PendingRequest(id: id, shape: shape, count: count, deadline: deadline, continuation: continuation)
        // The handler is accessed through `self`, because a closure that doesn't capture the actor would not run on its executor.
        self.handler.value.submit(request, bytes)
      }
    } onCancel: {
      eventLoop.execute { handler.value.cancel(id) }
    }
  }
}
