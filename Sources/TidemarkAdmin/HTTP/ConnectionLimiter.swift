internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Synchronization

/// Closes connections that take too long, and connections beyond the limits.
final class ConnectionLimiter: Sendable {
  private struct Connection {
    var channel: any Channel
    var deadline: Scheduled<Void>?
    var isAnswered = false
    /// Whether the answer is complete and the system has not yet taken all of it.
    var isLeaving = false
  }

  private struct State {
    var table: ConnectionTable
    var numbers: [ObjectIdentifier: UInt64] = [:]
    var open: [UInt64: Connection] = [:]
  }

  private let limits: ConnectionLimits
  private let state: Mutex<State>

  init(_ limits: ConnectionLimits) {
    self.limits = limits
    state = Mutex(State(table: ConnectionTable(total: limits.total, perPeer: limits.perPeer)))
  }

  func opened(_ channel: any Channel) {
    let evicted = state.withLock { state -> (any Channel)? in
      let (number, evicted) = state.table.open(from: Self.peer(channel.remoteAddress))
      state.numbers[ObjectIdentifier(channel)] = number
      state.open[number] = Connection(channel: channel, deadline: Self.closing(channel, in: limits.header))
      return evicted.flatMap { state.open[$0]?.channel }
    }
    evicted?.close(promise: nil)
    channel.closeFuture.whenComplete { [weak self] _ in self?.closed(channel) }
  }

  /// Records the header of a request or a part of its body; the time limit is not extended.
  func requested(_ channel: any Channel) {
    change(channel) { connection in connection.isAnswered ? nil : (isAnswered: true, limit: limits.answer) }
  }

  /// Records that the answer is complete. Its bytes are already queued on the channel's event loop, before anything that is queued here.
  func answered(_ channel: any Channel) {
    channel.eventLoop.execute { [self] in
      change(channel) { connection in
        connection.isLeaving = !channel.isWritable
        return connection.isLeaving ? nil : (isAnswered: false, limit: limits.idle)
      }
    }
  }

  /// Records that the peer has received nearly all bytes.
  func taken(_ channel: any Channel) {
    change(channel) { connection in
      guard connection.isLeaving else { return nil }
      connection.isLeaving = false
      return (isAnswered: false, limit: limits.idle)
    }
  }

  private func change(_ channel: any Channel, _ decide: (inout Connection) -> (isAnswered: Bool, limit: Duration)?) {
    state.withLock { state in
      guard let number = state.numbers[ObjectIdentifier(channel)], var connection = state.open[number] else { return }
      if let next = decide(&connection) {
        connection.isAnswered = next.isAnswered
        state.table.mark(number, isAnswered: next.isAnswered)
        connection.deadline?.cancel()
        connection.deadline = Self.closing(channel, in: next.limit)
      }
      state.open[number] = connection
    }
  }

  private func closed(_ channel: any Channel) {
    state.withLock { state in
      guard let number = state.numbers.removeValue(forKey: ObjectIdentifier(channel)) else { return }
      state.table.close(number)
      state.open.removeValue(forKey: number)?.deadline?.cancel()
    }
  }

  private static func closing(_ channel: any Channel, in time: Duration) -> Scheduled<Void> {
    channel.eventLoop.scheduleTask(in: TimeAmount(time)) { channel.close(promise: nil) }
  }

  /// Returns the peer's IPv4 address, or its IPv6 network, because a peer has a whole network of IPv6 addresses.
  private static func peer(_ address: SocketAddress?) -> String {
    switch address {
    case .v4(let address): return "\(address.address.sin_addr.s_addr)"
    case .v6(let address):
      let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
      // A socket of both families shows an IPv4 address as a mapped IPv6 address.
      let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11].allSatisfy { $0 == 0xFF }
      return isMapped ? "\(bytes[12...])" : "\(bytes[..<8])"
    default: return ""
    }
  }
}

/// Reports requests to the limiter on the channel's own event loop, even while the threads that answer are busy. It is after the decoder in
/// the pipeline, so it sees complete headers.
final class RequestWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
  typealias InboundIn = Any
  typealias InboundOut = Any

  private let limiter: ConnectionLimiter

  init(_ limiter: ConnectionLimiter) {
    self.limiter = limiter
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    limiter.requested(context.channel)
    context.fireChannelRead(data)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { limiter.taken(context.channel) }
    context.fireChannelWritabilityChanged()
  }
}

/// A connection that the limiter tracks from its first moment, before any TLS.
struct LimitedChannel<Base: ServerChildChannel>: ServerChildChannel {
  let base: Base
  let limiter: ConnectionLimiter

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
    limiter.opened(channel)
    return base.setup(channel: channel, logger: logger)
  }

  func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
