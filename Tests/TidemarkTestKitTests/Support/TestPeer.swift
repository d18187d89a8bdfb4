import NIOCore
import NIOPosix
import TidemarkTestKit

/// One end of a TCP connection that records what it received and how it ended.
final class TestPeer: Sendable {
  enum Event: Sendable, Equatable {
    case bytes(String)
    /// The other end closed the connection in order.
    case ended
    /// The connection ended without an orderly close.
    case reset
  }

  private let channel: any Channel
  private let events: AsyncStream<Event>

  init(channel: any Channel, events: AsyncStream<Event>) {
    self.channel = channel
    self.events = events
  }

  /// Connects to a port of 127.0.0.1.
  static func connect(_ port: Int) async throws -> TestPeer {
    try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let (events, feed) = AsyncStream<Event>.makeStream()
          try channel.pipeline.syncOperations.addHandler(Recorder(feed))
          return TestPeer(channel: channel, events: events)
        }
      }
  }

  func send(_ text: String) async throws {
    try await channel.writeAndFlush(ByteBuffer(string: text))
  }

  /// Closes this end's half of the connection.
  func end() async throws { try await channel.close(mode: .output) }

  func close() async { try? await channel.close() }

  /// Returns the next bytes, until there are `count` of them; fewer when the connection ends before. Further bytes are dropped.
  func text(_ count: Int) async -> String {
    var text = ""
    while text.utf8.count < count, case .bytes(let more)? = await next() { text += more }
    return text
  }

  /// Returns the next event: bytes as they came, or the end.
  func next() async -> Event? {
    for await event in events { return event }
    return nil
  }

  /// Returns all bytes until the end, and the end.
  func rest() async -> (text: String, end: Event?) {
    var text = ""
    while true {
      switch await next() {
      case .bytes(let more): text += more
      case let end: return (text, end)
      }
    }
  }

  /// Records the events of a channel.
  final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let feed: AsyncStream<Event>.Continuation
    private let echoes: Bool
    private var hasEnded = false
    private var outputIsClosed = false
    private var hasFailed = false

    init(_ feed: AsyncStream<Event>.Continuation, echoes: Bool = false) {
      self.feed = feed
      self.echoes = echoes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      feed.yield(.bytes(String(buffer: unwrapInboundIn(data))))
      if echoes { context.writeAndFlush(data, promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      switch event as? ChannelEvent {
      case .inputClosed:
        end()
        if echoes { context.close(promise: nil) }
      case .outputClosed: outputIsClosed = true
      case nil: break
      }
    }

    func channelInactive(context: ChannelHandlerContext) {
      // Where this end's half is closed already, NIO reports the end of the other half with this event alone.
      if outputIsClosed, !hasFailed { end() }
      if !hasEnded { feed.yield(.reset) }
      feed.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      hasFailed = true
      context.close(promise: nil)
    }

    private func end() {
      guard !hasEnded else { return }
      hasEnded = true
      feed.yield(.ended)
    }
  }
}
