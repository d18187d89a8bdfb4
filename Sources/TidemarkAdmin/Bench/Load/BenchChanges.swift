internal import TidemarkCore
internal import TidemarkRedis

/// The sequence of changes of a load. Equal seeds give equal changes, so that every measurement writes the same bytes.
struct BenchChanges: Sendable {
  /// The approximate number of bytes of an entry's names and values.
  static let entryBytes = 330
  private static let contextKeys: UInt64 = 20

  /// The number of messages among the changes, whose rows are counted afterwards.
  private(set) var messages = 0
  /// The bytes of all names and values so far.
  private(set) var bytes = 0

  private struct Session: Sendable {
    var name: String
    var lane: Int
  }

  private let load: BenchLoad
  private let laneNames: [String]
  private let sessions: [Session]
  private var texts: BenchTexts
  private var random: SeededGenerator
  private var openCalls: [(session: Int, call: String)] = []
  private var calls = 0

  init(_ load: BenchLoad, sessions: Int, lanes: BuiltInLanes, seed: UInt64) {
    self.load = load
    var random = SeededGenerator(seed: seed)
    texts = BenchTexts(seed: seed)
    laneNames = lanes.names
    self.sessions = (0..<sessions).map { number in
      let name = "session-\(number)-\(String(random.next() >> 32, radix: 36))"
      return Session(name: name, lane: lanes.partition(ofSession: name.utf8))
    }
    self.random = random
  }

  /// Returns the next change: the number of its lane, and the command that writes it.
  mutating func next() -> (lane: Int, command: [RedisArgument]) {
    let session = Int(random.next() % UInt64(sessions.count))
    guard load == .mix else { return message(session) }
    switch random.next() % 1000 {
    case ..<500: return message(session)
    case ..<700:
      return padded(session, "context.set", ["key", .text("key-\(random.next() % Self.contextKeys)"), "value"], asJSON: true)
    case ..<825: return started(session)
    case ..<950: return openCalls.isEmpty ? started(session) : finished()
    default: return other(session)
    }
  }

  private mutating func message(_ session: Int) -> (lane: Int, command: [RedisArgument]) {
    messages += 1
    let role: RedisArgument = random.next() % 2 == 0 ? "user" : "assistant"
    return padded(session, "message.appended", ["role", role, "content"], asJSON: false)
  }

  private mutating func started(_ session: Int) -> (lane: Int, command: [RedisArgument]) {
    calls += 1
    let call = "call-\(calls)"
    openCalls.append((session, call))
    return padded(session, "tool.started", ["call_id", .text(call), "tool", "search", "arguments"], asJSON: true)
  }

  private mutating func finished() -> (lane: Int, command: [RedisArgument]) {
    let place = Int(random.next() % UInt64(openCalls.count))
    openCalls.swapAt(place, openCalls.count - 1)
    let (session, call) = openCalls.removeLast()
    return padded(session, "tool.finished", ["call_id", .text(call), "status", "ok", "result"], asJSON: true)
  }

  private mutating func other(_ session: Int) -> (lane: Int, command: [RedisArgument]) {
    switch random.next() % 5 {
    case 0, 1:
      let step = "\(random.next() % 1000)"
      return command(session, "session.updated", ["title", .bytes(texts.take(40)), "meta.step", .text(step)])
    case 2, 3:
      return command(session, "outcome.recorded", ["label", "good", "score", .text("0.\(100 + random.next() % 900)")])
    default:
      return command(session, "context.removed", ["key", .text("key-\(random.next() % Self.contextKeys)")])
    }
  }

  /// Returns the command whose last value fills the entry to its size; UTF-8 and JSON change the size slightly.
  private mutating func padded(
    _ session: Int, _ type: RedisArgument, _ fields: [RedisArgument], asJSON: Bool
  ) -> (lane: Int, command: [RedisArgument]) {
    let words = [type, .text(sessions[session].name)] + fields
    let taken = words.reduce("typesession".utf8.count + (asJSON ? 12 : 0)) { $0 + $1.byteCount }
    let count = max(1, Self.entryBytes - taken)
    return command(session, type, fields + [.bytes(asJSON ? texts.takeJSON(count) : texts.take(count))])
  }

  private mutating func command(
    _ session: Int, _ type: RedisArgument, _ fields: [RedisArgument]
  ) -> (lane: Int, command: [RedisArgument]) {
    let (name, lane) = (sessions[session].name, sessions[session].lane)
    let entry: [RedisArgument] = ["type", type, "session", .text(name)] + fields
    bytes += entry.reduce(0) { $0 + $1.byteCount }
    return (lane, ["XADD", .text(laneNames[lane]), "*"] + entry)
  }
}

extension RedisArgument {
  fileprivate var byteCount: Int {
    switch self {
    case .text(let text): text.utf8.count
    case .bytes(let bytes): bytes.count
    case .integer(let number): String(number).utf8.count
    }
  }
}
