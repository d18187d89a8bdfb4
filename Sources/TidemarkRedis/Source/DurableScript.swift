internal import Crypto
internal import TidemarkCore

/// The script that moves a durable mark, and the keys that it moves.
///
/// Compare and set happen in the server: two workers may publish at a takeover, and a late publish must not move a
/// mark back. Every key is declared, so it works in a Cluster too, where the keys of a lane share its slot.
enum DurableScript {
  /// KEYS: the hash of the mark, and of the rejected entries where there is one.
  /// ARGV: id, incarnation, field of the id, field of the incarnation, channel or '', then entry, reason, ...
  ///
  /// Lua's numbers are doubles and round above 2^53, so decimal text is compared: by length, then by character.
  /// Rejected entries come with the mark but also where it stands already: a repeated call must complete the first.
  static let source = """
    local function after(a, b)
      if #a ~= #b then return #a > #b end
      return a > b
    end
    local held = redis.call('HGET', KEYS[1], ARGV[3])
    local incarnation = redis.call('HGET', KEYS[1], ARGV[4])
    if not incarnation or not string.find(incarnation, '^%d+$') then incarnation = '0' end
    if after(incarnation, ARGV[2]) then return 0 end
    if KEYS[2] then
      for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
    end
    if held and incarnation == ARGV[2] then
      local heldMs, heldNo = string.match(held, '^(%d+)-(%d+)$')
      local ms, no = string.match(ARGV[1], '^(%d+)-(%d+)$')
      if heldMs and not (after(ms, heldMs) or (ms == heldMs and after(no, heldNo))) then return 0 end
    end
    redis.call('HSET', KEYS[1], ARGV[3], ARGV[1], ARGV[4], ARGV[2])
    if ARGV[5] ~= '' then redis.call('PUBLISH', ARGV[5], ARGV[1]) end
    return 1
    """

  private static let digest: String = {
    let digits = Array("0123456789abcdef")
    return String(Insecure.SHA1.hash(data: Array(source.utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }()

  /// One call a lane, all sent together. A lane that fails doesn't keep the others from being told.
  static func publish(_ marks: ArraySlice<DurableMark>, prefix: String, on connection: RedisConnection) async throws {
    let calls = marks.map { arguments(for: $0, prefix: prefix) }
    var replies = try await connection.pipeline(calls.map { ["EVALSHA", .text(digest)] + $0 })
    // The server forgot the script (or never had it) somewhere in the pipeline; once sent whole it knows it again.
    let unknown = replies.indices.filter { if case .error(let text) = replies[$0] { text.hasPrefix("NOSCRIPT") } else { false } }
    if !unknown.isEmpty {
      let again = try await connection.pipeline(unknown.map { ["EVAL", .text(source)] + calls[$0] })
      for (index, reply) in zip(unknown, again) { replies[index] = reply }
    }
    for reply in replies { _ = try reply.orThrow() }
  }

  private static func arguments(for mark: DurableMark, prefix: String) -> [RedisArgument] {
    let id = RedisArgument.text(mark.durable.description)
    let incarnation = RedisArgument.integer(max(0, mark.incarnation))
    guard let base = builtInBase(of: mark.lane, prefix: prefix) else {
      // One hash for all other lanes; the incarnation stands beside the mark, in a field of its own.
      return ["1", .text("\(prefix):durable"), id, incarnation, .text(mark.lane), .text("incarnation:\(mark.lane)"), ""]
    }
    var arguments: [RedisArgument] = [
      "2", .text("\(base):lane"), .text("\(base):rejected"), id, incarnation, "durable", "incarnation", .text("\(base):durable"),
    ]
    for rejection in mark.rejected { arguments += [.text(rejection.id.description), .text(rejection.reason)] }
    return arguments
  }

  /// `PREFIX:{N}` of the built-in lane `PREFIX:{N}:changes`; nil for any other name.
  static func builtInBase(of lane: String, prefix: String) -> String? {
    let head = "\(prefix):{"
    let tail = "}:changes"
    guard lane.hasPrefix(head), lane.hasSuffix(tail), lane.utf8.count > head.utf8.count + tail.utf8.count else { return nil }
    let number = lane.dropFirst(head.count).dropLast(tail.count)
    guard number.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return "\(head)\(number)}"
  }
}
