import NIOCore
import NIOPosix
import Synchronization
import TidemarkServers

/// A TCP proxy on a loopback port that misbehaves on command; ``FaultCommand`` says what it can do.
///
/// What becomes of each segment is decided in `FaultCore`; here are the sockets only. The actor runs on the event loop of its
/// sockets: what happens to all of its connections has one order.
package actor FaultProxy {
  private struct Sockets {
    var client: (any Channel)?
    var server: (any Channel)?
  }

  nonisolated let loop: any EventLoop
  private nonisolated let executor: any SerialExecutor
  private nonisolated let boundPort = Atomic<Int>(0)
  private let target: (host: String, port: Int)
  private var core = FaultCore()
  private var sockets: [Int: Sockets] = [:]
  private var connectionsSeen = 0
  private var listener: (any Channel)?
  private var server: SocketAddress?
  /// Executing an action can make the next event happen at once; it waits here until all actions before it are done.
  private var inbox: [(event: FaultCore.Event, number: Int)] = []
  private var isBusy = false
  private let onEvent: @Sendable (FaultEvent) -> Void
  var events = FaultEventBoard()

  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// The port that clients connect to; 0 before the start.
  package nonisolated var port: Int { boundPort.load(ordering: .acquiring) }

  /// A proxy before `host` and `port`. `onEvent` is called for each event as it happens and must not block.
  package init(to host: String, _ port: Int, onEvent: @escaping @Sendable (FaultEvent) -> Void = { _ in }) {
    loop = MultiThreadedEventLoopGroup.singleton.next()
    executor = loop.executor
    target = (host, port)
    self.onEvent = onEvent
  }

  /// Listens, on any free port where `port` is 0.
  package func start(host: String = "127.0.0.1", port: Int = 0) async throws {
    guard listener == nil else { throw ServerError(.misuse, "this fault proxy runs already") }
    // An address needs no resolver; a name is asked for once.
    server = try SocketAddress.makeAddressResolvingHost(target.host, port: target.port)
    let listener = try await ServerBootstrap(group: loop)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // Nothing is read before there is somebody to read it for.
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try self.assumeIsolated { try $0.accept(channel) }
        }
      }
      .bind(host: host, port: port).get()
    self.listener = listener
    boundPort.store(listener.localAddress?.port ?? 0, ordering: .releasing)
  }

  /// Closes all that it opened. Whoever waits for an event learns that none will come.
  package func close() async {
    events.failAll(ServerError(.misuse, "the fault proxy was closed"))
    let channels = [listener].compactMap(\.self) + sockets.values.flatMap { [$0.client, $0.server].compactMap(\.self) }
    listener = nil
    server = nil
    for channel in channels { try? await channel.close() }
  }

  /// Carries out a command; returns the number of clients that are connected behind it.
  @discardableResult
  package func apply(_ command: FaultCommand) -> Int {
    perform(core.apply(command, at: .now()))
    return core.connections
  }

  /// Something happened to a socket.
  func handle(_ event: FaultCore.Event, of number: Int) {
    if case .gone(let side) = event { forget(number, side) }
    inbox.append((event, number))
    if !isBusy { perform([]) }
  }

  /// Reads the other side on only while `side` takes what comes: memory is not to grow without bound.
  func read(_ number: Int, forwards: Bool, to side: FaultCore.Side) {
    let source = side == .client ? sockets[number]?.server : sockets[number]?.client
    source.map { setReading($0, forwards) }
  }

  private func accept(_ channel: any Channel) throws {
    connectionsSeen += 1
    sockets[connectionsSeen] = Sockets(client: channel)
    try channel.pipeline.syncOperations.addHandler(FaultHandler(self, connectionsSeen, .client))
  }

  private func forget(_ number: Int, _ side: FaultCore.Side) {
    switch side {
    case .client: sockets[number]?.client = nil
    case .server: sockets[number]?.server = nil
    }
    if let pair = sockets[number], pair.client == nil, pair.server == nil { sockets[number] = nil }
  }

  private func perform(_ first: [FaultCore.Action]) {
    var actions = first
    isBusy = true
    defer { isBusy = false }
    while true {
      for action in actions { perform(action) }
      guard !inbox.isEmpty else { return }
      let next = inbox.removeFirst()
      actions = core.handle(next.event, of: next.number, at: .now())
    }
  }

  private func perform(_ action: FaultCore.Action) {
    switch action {
    case .connect(let number): connect(number)
    case .readClient(let number): sockets[number]?.client.map { setReading($0, true) }
    case .write(let number, let direction, let segment):
      socket(number, direction.receiver)?.writeAndFlush(segment, promise: nil)
    case .end(let number, let direction): socket(number, direction.receiver)?.endBehindWhatWasWritten()
    case .reset(let number, let side, let isOrderly):
      guard let channel = socket(number, side) else { return }
      if isOrderly { channel.resetBehindWhatWasWritten() } else { channel.resetNow() }
    case .wake(let number, let direction, let time):
      loop.scheduleTask(deadline: time) { self.assumeIsolated { $0.handle(.due(direction), of: number) } }
    case .report(let event):
      onEvent(event)
      events.post(event)
    }
  }

  private func connect(_ number: Int) {
    guard let server else { return }
    ClientBootstrap(group: loop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(FaultHandler(self, number, .server))
        }
      }
      .connect(to: server)
      .whenComplete { outcome in self.assumeIsolated { $0.connected(number, outcome) } }
  }

  private func connected(_ number: Int, _ outcome: Result<any Channel, any Error>) {
    guard case .success(let channel) = outcome else { return handle(.notConnected, of: number) }
    guard server != nil else { return channel.close(promise: nil) }
    sockets[number, default: Sockets()].server = channel
    handle(.connected, of: number)
    for socket in [sockets[number]?.client, sockets[number]?.server] { socket.map { setReading($0, true) } }
  }

  private func socket(_ number: Int, _ side: FaultCore.Side) -> (any Channel)? {
    side == .client ? sockets[number]?.client : sockets[number]?.server
  }

  private func setReading(_ channel: any Channel, _ isOn: Bool) {
    // A channel that is closed cannot; then nobody reads it anyway.
    try? channel.syncOptions?.setOption(.autoRead, value: isOn)
  }
}
