import NIOCore

/// Decides what becomes of each segment that passes a ``FaultProxy``: no socket, no clock.
///
/// Whoever runs it hands in what happened, with the time, and carries out the actions in their order.
struct FaultCore {
  /// The two ends of a connection through the proxy.
  enum Side: Hashable {
    case client, server

    /// The direction that it sends in.
    var sends: FaultDirection { self == .client ? .up : .down }
  }

  enum Event {
    /// A client has come; nothing is read of it yet.
    case arrived
    /// The server took a connection for it, or did not.
    case connected, notConnected
    case bytes(ByteBuffer, FaultDirection)
    /// The sender of that direction has closed its half.
    case ended(FaultDirection)
    /// The socket of that side is gone, whoever closed it.
    case gone(Side)
    /// The time of a `wake` has come.
    case due(FaultDirection)
  }

  enum Action: Equatable {
    /// Connect to the server, say `connected` or `notConnected`, then read both sides.
    case connect(Int)
    /// Read the client although there is no server.
    case readClient(Int)
    /// Write it as a segment of its own.
    case write(Int, FaultDirection, ByteBuffer)
    /// Close the half towards the receiver of that direction, behind what was written.
    case end(Int, FaultDirection)
    /// End that side by RST: behind what was written when `isOrderly`, else at once.
    case reset(Int, Side, isOrderly: Bool)
    /// Say `due` at that time.
    case wake(Int, FaultDirection, at: NIODeadline)
    case report(FaultEvent)
  }

  private var settings = FaultSettings()
  private var links: [Int: FaultConnection] = [:]

  /// How many clients are connected.
  var connections: Int { links.values.count { $0.open.contains(.client) } }

  /// What follows of something that happened to connection `number`.
  mutating func handle(_ event: Event, of number: Int, at now: NIODeadline) -> [Action] {
    if case .arrived = event { return arrived(number) }
    var actions: [Action] = []
    switch event {
    case .arrived: break
    // The client may have gone while the connection was under way.
    case .connected where links[number] == nil: actions.append(.reset(number, .server, isOrderly: false))
    case .connected: links[number]?.connected()
    case .notConnected: links[number]?.notConnected(&actions)
    case .bytes(let segment, let direction): links[number]?.enter(.bytes(segment), direction, &settings, at: now, &actions)
    case .ended(let direction): links[number]?.enter(.end, direction, &settings, at: now, &actions)
    case .gone(let side): links[number]?.gone(side, &settings, at: now, &actions)
    case .due(let direction): links[number]?.due(direction, settings, at: now, &actions)
    }
    if links[number]?.open.isEmpty == true { links[number] = nil }
    return actions
  }

  /// What follows of a command. `connections` asks only.
  mutating func apply(_ command: FaultCommand, at now: NIODeadline) -> [Action] {
    var actions: [Action] = []
    switch command {
    case .clear:
      settings.clear()
      for number in links.keys.sorted() { links[number]?.clear(&settings, at: now, &actions) }
    case .delay(let duration): settings.delay = TimeAmount(duration)
    case .segments(let bytes): settings.segmentSize = bytes
    case .swallow:
      settings.swallows = true
      for number in links.keys { links[number]?.swallow() }
    case .refuse: settings.refuses = true
    case .reset: for number in links.keys.sorted() { links[number]?.reset(&actions) }
    case .truncate(let direction, let bytes): settings.setTruncation(direction, bytes)
    case .lose(let direction, let text): settings.setTrap(direction, text, holds: false)
    case .hold(let direction, let text): settings.setTrap(direction, text, holds: true)
    case .go: for number in links.keys.sorted() { links[number]?.release(&settings, at: now, &actions) }
    case .connections: break
    }
    return actions
  }

  private mutating func arrived(_ number: Int) -> [Action] {
    if settings.refuses { return [.reset(number, .client, isOrderly: false)] }
    links[number] = FaultConnection(number: number, isSwallowed: settings.swallows)
    return [settings.swallows ? .readClient(number) : .connect(number)]
  }
}
