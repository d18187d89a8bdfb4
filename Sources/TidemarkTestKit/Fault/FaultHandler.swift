import NIOCore

/// One end of a connection through a ``FaultProxy``: tells the proxy what happens on its socket.
final class FaultHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let proxy: FaultProxy
  private let number: Int
  private let side: FaultCore.Side
  private var hasEnded = false
  private var outputIsClosed = false
  private var hasFailed = false

  init(_ proxy: FaultProxy, _ number: Int, _ side: FaultCore.Side) {
    self.proxy = proxy
    self.number = number
    self.side = side
  }

  // The proxy's executor is the event loop that calls here, so there is no hop.

  func channelActive(context: ChannelHandlerContext) {
    guard side == .client else { return }
    tell(.arrived)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    tell(.bytes(unwrapInboundIn(data), side.sends))
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event as? ChannelEvent {
    case .inputClosed: end()
    case .outputClosed: outputIsClosed = true
    case nil: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    // Where our half is closed already, NIO answers the end of the other with this event alone.
    if outputIsClosed, !hasFailed { end() }
    tell(.gone(side))
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let (number, side, isWritable) = (number, side, context.channel.isWritable)
    proxy.assumeIsolated { $0.read(number, forwards: isWritable, to: side) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    hasFailed = true
    context.close(promise: nil)
  }

  private func end() {
    guard !hasEnded else { return }
    hasEnded = true
    tell(.ended(side.sends))
  }

  private func tell(_ event: FaultCore.Event) {
    let number = number
    proxy.assumeIsolated { $0.handle(event, of: number) }
  }
}
