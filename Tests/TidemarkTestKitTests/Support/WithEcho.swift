import NIOCore
import NIOPosix

/// A server that sends back all bytes that it receives, and the connections that it accepted.
struct Echo: Sendable {
  let port: Int
  /// The accepted connections, in order; their events are the bytes that the server received.
  let peers: AsyncStream<TestPeer>

  /// Returns the next connection that was accepted.
  func peer() async -> TestPeer? {
    for await peer in peers { return peer }
    return nil
  }
}

/// Runs `body` with an echo server on a free loopback port.
func withEcho<Result>(_ body: (Echo) async throws -> Result) async throws -> Result {
  let (peers, feed) = AsyncStream<TestPeer>.makeStream()
  let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .childChannelOption(.allowRemoteHalfClosure, value: true)
    .childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let (events, recorder) = AsyncStream<TestPeer.Event>.makeStream()
        try channel.pipeline.syncOperations.addHandler(TestPeer.Recorder(recorder, echoes: true))
        feed.yield(TestPeer(channel: channel, events: events))
      }
    }
    .bind(host: "127.0.0.1", port: 0).get()
  do {
    let result = try await body(Echo(port: listener.localAddress?.port ?? 0, peers: peers))
    try await listener.close()
    return result
  } catch {
    try await listener.close()
    throw error
  }
}
