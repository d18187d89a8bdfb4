internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Synchronization

/// Closes connections that take too long, and those that are too many.
final class ConnectionLimiter: Sendable {
  private struct State {
    var table: ConnectionTable
    var numbers: [ObjectIdentifier: UInt64] = [:]
    var open: [UInt64: (channel: any Channel, deadline: Scheduled<Void>?)] = [:]
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
      state.open[number] = (channel, Self.closing(channel, in: limits.header))
      return evicted.flatMap { state.open[$0]?.channel }
    }
    evicted?.close(promise: nil)
    channel.closeFuture.whenComplete { [weak self] _ in self?.closed(channel) }
  }

  /// The header of a request is there.
  func requested(_ channel: any Channel) { mark(channel, isAnswered: true, limit: limits.answer) }

  /// The answer is written.
  func answered(_ channel: any Channel) { mark(channel, isAnswered: false, limit: limits.idle) }

  private func mark(_ channel: any Channel, isAnswered: Bool, limit: Duration) {
    state.withLock { state in
      guard let number = state.numbers[ObjectIdentifier(channel)] else { return }
      state.table.mark(number, isAnswered: isAnswered)
      state.open[number]?.deadline?.cancel()
      state.open[number]?.deadline = Self.closing(channel, in: limit)
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

  /// An IPv4 address; of IPv6, where a peer has a whole network of them, the network.
  private static func peer(_ address: SocketAddress?) -> String {
    switch address {
    case .v4(let address): return "\(address.address.sin_addr.s_addr)"
    case .v6(let address):
      let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
      // An IPv4 address as a socket of both families shows it.
      let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11].allSatisfy { $0 == 0xFF }
      return isMapped ? "\(bytes[12...])" : "\(bytes[..<8])"
    default: return ""
    }
  }
}

/// A connection that the limiter knows from its first moment, before any TLS.
struct LimitedChannel<Base: ServerChildChannel>: ServerChildChannel {
  let base: Base
  let limiter: ConnectionLimiter

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
    limiter.opened(channel)
    return base.setup(channel: channel, logger: logger)
  }

  func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
