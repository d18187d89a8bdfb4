import NIOCore

/// One connection through a ``FaultProxy``: its two streams, and which of its ends are still there.
struct FaultConnection {
  let number: Int
  /// The ends that have a socket.
  private(set) var open: Set<FaultCore.Side> = [.client]
  private var isSwallowed: Bool
  private var up = FaultStream()
  private var down = FaultStream()

  init(number: Int, isSwallowed: Bool) {
    self.number = number
    self.isSwallowed = isSwallowed
  }

  private subscript(direction: FaultDirection) -> FaultStream {
    get { direction == .up ? up : down }
    _modify { if direction == .up { yield &up } else { yield &down } }
  }

  mutating func connected() { open.insert(.server) }

  /// No server: the client learns it as it would of a dead one.
  mutating func notConnected(_ actions: inout [FaultCore.Action]) {
    seal()
    actions.append(.reset(number, .client, isOrderly: false))
  }

  /// Takes in what the sender of `direction` said.
  mutating func enter(
    _ item: FaultStream.Item, _ direction: FaultDirection, _ settings: inout FaultSettings, at now: NIODeadline,
    _ actions: inout [FaultCore.Action]
  ) {
    guard !isSwallowed, !self[direction].isSealed else { return }
    if item == .end { self[direction].hasEnded = true }
    judge(item, direction, &settings, at: now, &actions)
  }

  /// The socket of `side` is gone. The other end hears of it, unless both had said their last word.
  mutating func gone(
    _ side: FaultCore.Side, _ settings: inout FaultSettings, at now: NIODeadline, _ actions: inout [FaultCore.Action]
  ) {
    open.remove(side)
    let sent = side.sends
    guard !isSwallowed, !self[sent].isSealed, !(self[sent].hasEnded && self[sent.opposite].isFinished) else { return }
    judge(.cut, sent, &settings, at: now, &actions)
    seal()
  }

  /// Delivers what has waited long enough.
  mutating func due(
    _ direction: FaultDirection, _ settings: FaultSettings, at now: NIODeadline, _ actions: inout [FaultCore.Action]
  ) {
    while let item = self[direction].takeDue(at: now) { deliver(item, direction, settings, &actions) }
    if let next = self[direction].nextDue { actions.append(.wake(number, direction, at: next)) }
  }

  /// Lets pass what is held. It may spring other traps.
  mutating func release(_ settings: inout FaultSettings, at now: NIODeadline, _ actions: inout [FaultCore.Action]) {
    for direction in FaultDirection.allCases {
      for item in self[direction].release() {
        guard judge(item, direction, &settings, at: now, &actions) else { break }
      }
    }
  }

  mutating func swallow() {
    isSwallowed = true
    up.drop()
    down.drop()
  }

  /// No fault for what comes; a connection that was swallowed ends.
  mutating func clear(_ settings: inout FaultSettings, at now: NIODeadline, _ actions: inout [FaultCore.Action]) {
    if isSwallowed { return reset(&actions) }
    for direction in FaultDirection.allCases { self[direction].forgetFaults() }
    release(&settings, at: now, &actions)
  }

  /// Ends both sides by RST at once.
  mutating func reset(_ actions: inout [FaultCore.Action]) {
    seal()
    up.drop()
    down.drop()
    for side in [FaultCore.Side.client, .server] where open.contains(side) {
      actions.append(.reset(number, side, isOrderly: false))
    }
  }

  private mutating func seal() {
    up.seal()
    down.seal()
  }

  /// Applies the faults that are armed. False when what comes behind `item` has no way any more.
  @discardableResult
  private mutating func judge(
    _ item: FaultStream.Item, _ direction: FaultDirection, _ settings: inout FaultSettings, at now: NIODeadline,
    _ actions: inout [FaultCore.Action]
  ) -> Bool {
    guard case .bytes(var segment) = item, !self[direction].isHeld else {
      pass(item, direction, settings, at: now, &actions)
      return true
    }
    if let trap = settings.sprung(by: segment, direction, matchers: &self[direction].matchers) {
      if trap.holds {
        self[direction].hold(item)
        actions.append(.report(.held(direction, trap.text)))
        return true
      }
      pass(.cut, .down, settings, at: now, &actions)
      pass(.end, .up, settings, at: now, &actions)
      seal()
      actions.append(.report(.lost(direction, trap.text)))
      return false
    }
    let allowance = self[direction].allowance ?? settings.takeTruncation(direction)
    self[direction].allowance = allowance.map { $0 - segment.readableBytes }
    guard let allowance, segment.readableBytes >= allowance else {
      pass(item, direction, settings, at: now, &actions)
      return true
    }
    if let rest = segment.readSlice(length: allowance), allowance > 0 { pass(.bytes(rest), direction, settings, at: now, &actions) }
    pass(.cut, direction, settings, at: now, &actions)
    pass(.cut, direction.opposite, settings, at: now, &actions)
    seal()
    return false
  }

  private mutating func pass(
    _ item: FaultStream.Item, _ direction: FaultDirection, _ settings: FaultSettings, at now: NIODeadline,
    _ actions: inout [FaultCore.Action]
  ) {
    if self[direction].isHeld { return self[direction].hold(item) }
    let isFirst = self[direction].nextDue == nil
    if isFirst, settings.delay == .zero { return deliver(item, direction, settings, &actions) }
    self[direction].append(item, due: now + settings.delay)
    if isFirst { actions.append(.wake(number, direction, at: now + settings.delay)) }
  }

  private mutating func deliver(
    _ item: FaultStream.Item, _ direction: FaultDirection, _ settings: FaultSettings, _ actions: inout [FaultCore.Action]
  ) {
    guard open.contains(direction.receiver) else { return }
    switch item {
    case .bytes(var segment):
      let size = settings.segmentSize > 0 ? settings.segmentSize : segment.readableBytes
      while let piece = segment.readSlice(length: min(size, segment.readableBytes)), piece.readableBytes > 0 {
        actions.append(.write(number, direction, piece))
      }
    case .end:
      guard !self[direction].isFinished else { return }
      self[direction].isFinished = true
      actions.append(.end(number, direction))
    case .cut:
      actions.append(.reset(number, direction.receiver, isOrderly: true))
    }
  }
}
