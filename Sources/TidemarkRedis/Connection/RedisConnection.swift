internal import NIOCore
package import TidemarkCore

/// One connection to Redis.
///
/// Commands may be sent from any task; replies come in the order of sending, so a blocking read holds up what is sent
/// behind it. The actor runs on the connection's event loop: a command costs no hop. Once it is closed, by either
/// side, it stays closed and every call throws `connectionClosed`.
package actor RedisConnection {
  private nonisolated let executor: any SerialExecutor
  private nonisolated let channel: any Channel
  private nonisolated let handler: NIOLoopBound<RedisChannelHandler>
  private nonisolated let openFlag: OpenFlag
  private let timeout: Duration
  private let clusterManners: RedisConfiguration.ClusterManners?
  /// Of the server that it was made to, see ``RedisConfiguration/address``.
  nonisolated let address: String
  private var writer = CommandWriter()
  private var nextID: UInt64 = 0

  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// False once it was closed. What is still open may be lost all the same: only a reply tells.
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

  /// Sends one command. An error of the server is a value.
  ///
  /// - Throws: ``RedisError`` of the connection, `CancellationError`.
  package func send(_ arguments: [RedisArgument], bounds: ReplyBounds = .standard) async throws -> RedisReply {
    try await pipeline([arguments], bounds: bounds)[0]
  }

  /// Sends commands together and returns their replies in order. Each reply has the bounds for itself.
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
      throw RedisError(.malformedReply, "a command was answered as a read")
    }
    return replies
  }

  /// ASKING counts for the next command only, or for all of a transaction that it precedes.
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

  /// One XREAD, straight into an ``EntryBlock``; for a node of a Cluster, where a command names keys of one slot only, one for each lane.
  /// Waits `block` at most, never longer than 5 s, and only where there is one.
  ///
  /// - Throws: ``RedisError``, also for an error of the server; `CancellationError`, the connection is then closed.
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
        throw RedisError(.malformedReply, "a read was answered as a command")
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
      // Rounded up: BLOCK 0 would wait for ever.
      let milliseconds = max(1, wait.components.seconds * 1000 + wait.components.attoseconds / 1_000_000_000_000_000)
      writer.append("BLOCK")
      writer.append(String(milliseconds))
    }
    writer.append("STREAMS")
    for position in positions { writer.append(position.lane) }
    for position in positions { writer.append(position.after.description) }
    try writer.finish(into: &buffer)
  }

  func receive(with receiver: @escaping Receiver) { handler.value.receive(with: receiver) }

  /// For a connection that only listens: see whether the other side is still there.
  func keepPinging() { handler.value.keepPinging() }

  /// Closes the connection; what is under way fails with `connectionClosed`.
  package func close() async {
    handler.value.close()
    try? await channel.closeFuture.get()
  }

  /// A longer block would outlive what a proxy or a firewall grants an idle connection.
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
        // Through `self`: a closure that doesn't capture the actor would not run on its executor.
        self.handler.value.submit(request, bytes)
      }
    } onCancel: {
      eventLoop.execute { handler.value.cancel(id) }
    }
  }
}
