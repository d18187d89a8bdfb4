import NIOCore

@testable import TidemarkTestKit

/// The core of a fault proxy with a clock of its own, and a record of what its connections would have seen.
struct FaultBench {
  private var core = FaultCore()
  private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
  /// The times at which the core wants to be woken, in the order of its requests.
  private(set) var wakes: [(time: NIODeadline, number: Int, direction: FaultDirection)] = []

  var connections: Int { core.connections }

  /// Opens a connection: a client connects and the server accepts.
  mutating func open(_ number: Int = 1) {
    handle(.arrived, number)
    handle(.connected, number)
  }

  @discardableResult
  mutating func handle(_ event: FaultCore.Event, _ number: Int = 1) -> [String] {
    note(core.handle(event, of: number, at: now))
  }

  @discardableResult
  mutating func send(_ text: String, _ direction: FaultDirection, _ number: Int = 1) -> [String] {
    handle(.bytes(ByteBuffer(string: text), direction), number)
  }

  @discardableResult
  mutating func apply(_ command: FaultCommand) -> [String] {
    note(core.apply(command, at: now))
  }

  /// Advances the time, waking the core on the way. Returns the events, with the milliseconds since the call.
  mutating func advance(milliseconds: Int64) -> [String] {
    let start = now
    let end = now + .milliseconds(milliseconds)
    var seen: [String] = []
    while let index = wakes.indices.min(by: { wakes[$0].time < wakes[$1].time }), wakes[index].time <= end {
      let wake = wakes.remove(at: index)
      now = wake.time
      let passed = (now - start).nanoseconds / 1_000_000
      seen += handle(.due(wake.direction), wake.number).map { "\(passed): \($0)" }
    }
    now = end
    return seen
  }

  /// Records actions as words: `1 down abc`, `1 up end`, `1 reset client`, `1 reset client behind`, `lost down COMMIT`.
  private mutating func note(_ actions: [FaultCore.Action]) -> [String] {
    actions.compactMap { action in
      switch action {
      case .connect(let number): return "\(number) connect"
      case .readClient(let number): return "\(number) read client"
      case .write(let number, let direction, let bytes): return "\(number) \(direction) \(String(buffer: bytes))"
      case .end(let number, let direction): return "\(number) \(direction) end"
      case .reset(let number, let side, let isOrderly): return "\(number) reset \(side)\(isOrderly ? " behind" : "")"
      case .report(let event): return "\(event)"
      case .wake(let number, let direction, let time):
        wakes.append((time, number, direction))
        return nil
      }
    }
  }
}
