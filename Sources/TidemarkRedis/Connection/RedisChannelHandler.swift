internal import DequeModule
internal import NIOCore
internal import NIOSSL
internal import TidemarkCore

/// A command, or several commands sent together, whose replies are awaited.
final class PendingRequest {
  enum Answer: Sendable {
    case values([RedisReply])
    case entries(LaneReadReply)
  }

  let id: UInt64
  let shape: ReplyShape
  let deadline: NIODeadline
  var remaining: Int
  var values: [RedisReply] = []
  /// The first reply that could not be kept; it is thrown after the last reply has come.
  var failure: RedisError?
  /// The waiting caller; nil once it was resumed. The replies of a cancelled request are still read, and dropped.
  var continuation: CheckedContinuation<Answer, any Error>?

  init(id: UInt64, shape: ReplyShape, count: Int, deadline: NIODeadline, continuation: CheckedContinuation<Answer, any Error>?) {
    self.id = id
    self.shape = shape
    self.remaining = count
    self.deadline = deadline
    self.continuation = continuation
  }

  func resume(_ result: Result<Answer, any Error>) {
    continuation?.resume(with: result)
    continuation = nil
  }
}

/// Matches replies to commands in order, and closes the connection when a reply comes too late.
///
/// Confined to its event loop.
final class RedisChannelHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let address: String
  private let openFlag: OpenFlag
  private let parser: ReplyParser
  private var pending: Deque<PendingRequest> = []
  private var context: ChannelHandlerContext?
  private var timer: Scheduled<Void>?
  private var failure: RedisError?
  /// Receives the messages of channels; nil on a connection without subscriptions.
  private var receiver: RedisConnection.Receiver?
  /// The received bytes of the incomplete reply.
  private var received = 0
  private var pings: RepeatedTask?

  init(address: String, openFlag: OpenFlag) throws(RedisError) {
    self.address = address
    self.openFlag = openFlag
    parser = try ReplyParser()
  }

  func submit(_ request: PendingRequest, _ bytes: ByteBuffer) {
    guard let context, failure == nil, context.channel.isActive else {
      request.resume(.failure(failure ?? closed))
      return
    }
    pending.append(request)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    if timer == nil { startTimer(context, request.deadline) }
  }

  func receive(with receiver: @escaping RedisConnection.Receiver) { self.receiver = receiver }

  /// Resumes a request whose caller was cancelled. The connection is closed if a blocking read would delay further commands.
  func cancel(_ id: UInt64) {
    guard let request = pending.first(where: { $0.id == id }) else { return }
    request.resume(.failure(CancellationError()))
    if case .entries = request.shape {
      fail(RedisError(.connectionClosed, "the connection to \(address) was closed with a cancelled read"))
    }
  }

  /// Sends PINGs, because a connection that only listens would not notice that the other side is gone.
  func keepPinging() {
    guard let context, failure == nil else { return }
    let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
    pings = context.eventLoop.scheduleRepeatedTask(initialDelay: Self.pingInterval, delay: Self.pingInterval) { _ in
      loopBound.value.ping()
    }
  }

  private static let pingInterval = TimeAmount.seconds(5)
  private static let pingPatience = TimeAmount.seconds(10)

  private func ping() {
    guard pending.isEmpty else { return }
    let request = PendingRequest(
      id: 0, shape: .value(.standard), count: 1, deadline: .now() + Self.pingPatience, continuation: nil)
    submit(request, ByteBuffer(string: "*1\r\n$4\r\nPING\r\n"))
  }

  func close() {
    fail(RedisError(.connectionClosed, "the connection to \(address) was closed by Tidemark"))
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    fail(closed)
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    guard failure == nil else { return }
    received += buffer.readableBytes
    do throws(RedisError) {
      try buffer.withUnsafeReadableBytes { (bytes) throws(RedisError) in
        try parser.feed(bytes, shape: { pending.first?.shape ?? receiver.map { _ in .value(.standard) } }, deliver: deliver)
      }
    } catch {
      fail(error)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(closed)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let sslError = error as? NIOSSLError, case .uncleanShutdown = sslError {
      fail(closed)
    } else if error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError {
      fail(
        RedisError(
          .tls, "TLS with \(address) failed: \(error); check the CA file, the certificate's host name and that the port speaks TLS",
          underlying: error))
    } else {
      fail(RedisError(.connectionClosed, "the connection to \(address) failed: \(error)", underlying: error))
    }
  }

  private var closed: RedisError { RedisError(.connectionClosed, "\(address) closed the connection") }

  private func deliver(_ reply: ParsedReply) {
    received = 0
    if let receiver, case .value(let value?) = reply, let message = Self.message(value) {
      receiver(.success(message))
      return
    }
    guard let request = pending.first else {
      return fail(RedisError(.malformedReply, "\(address) sent an unrequested reply that is too large or not a message"))
    }
    request.remaining -= 1
    switch reply {
    case .value(let value?): request.values.append(value)
    case .value(nil): request.failure = request.failure ?? RedisError(.replyTooLarge, "a reply of \(address) was larger than its bound")
    case .entries(let result):
      pending.removeFirst()
      request.resume(result.map { .entries($0) }.mapError { $0 })
      return
    }
    guard request.remaining == 0 else { return }
    pending.removeFirst()
    request.resume(request.failure.map { .failure($0) } ?? .success(.values(request.values)))
  }

  /// Returns the message of a channel. No other reply on a subscribed connection begins with this word.
  private static func message(_ value: RedisReply) -> RedisConnection.Message? {
    guard let elements = value.elements, elements.count == 3, elements[0].text == "message", let channel = elements[1].text
    else { return nil }
    return RedisConnection.Message(channel: channel, payload: elements[2])
  }

  private func fail(_ error: RedisError) {
    guard failure == nil else { return }
    failure = error
    pings?.cancel()
    openFlag.close()
    timer?.cancel()
    timer = nil
    let waiting = pending
    pending = []
    for request in waiting { request.resume(.failure(error)) }
    receiver?(.failure(error))
    receiver = nil
    context?.close(promise: nil)
  }

  // One timer serves all requests. It fires at the earliest deadline that was known when it was set, and is set again if requests are left.
  // A reply therefore needs no timer to be cancelled, which is the usual case.
  private func startTimer(_ context: ChannelHandlerContext, _ deadline: NIODeadline) {
    let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(deadline: deadline) { loopBound.value.checkDeadlines() }
  }

  private func checkDeadlines() {
    timer = nil
    guard let context, let earliest = pending.map(\.deadline).min() else { return }
    // A large reply may take longer while it keeps coming: one second for each MiB.
    let extended = earliest + .seconds(Int64(received >> 20))
    if extended > .now() {
      startTimer(context, extended)
    } else {
      fail(RedisError(.timedOut, "\(address) did not answer in time; check whether it is overloaded or runs a slow command"))
    }
  }
}
