internal import CHiredis
internal import TidemarkCore

/// What the next reply is to become.
enum ReplyShape: Sendable {
  case value(ReplyBounds)
  /// So many replies together: a node of a Cluster is asked for each lane by itself.
  case entries(LaneReadRequest, replies: Int = 1)

  var limits: BulkLimiter.Limits {
    switch self {
    case .value(let bounds): .init(longest: bounds.longestBulk, wantsDigest: false)
    case .entries(let request, _): .init(longest: request.maxEntryBytes, wantsDigest: true, mostFields: request.maxFields)
    }
  }
}

/// A complete reply.
enum ParsedReply: Sendable {
  /// Nil where it was over its budget.
  case value(RedisReply?)
  case entries(Result<LaneReadReply, RedisError>)
}

/// hiredis' reader, with the limiter before it and the two kinds of arena behind it.
///
/// hiredis is not thread-safe ("a reader must be used by one thread at a time"): neither is this class, and it is not
/// `Sendable`; the channel handler that owns it keeps it on its event loop.
final class ReplyParser {
  /// A reader whose buffer grew beyond this is replaced after the reply: hiredis never gives memory back.
  private static let largestBuffer = 1 << 20

  // Guard: written once, before the first reader exists (`static let`), and only read by hiredis afterwards. hiredis
  // keeps the pointer, so the table lives on the heap and is never freed.
  private nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
    let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    var functions = redisReplyObjectFunctions()
    // The types of the counts differ between hiredis 0.14 and 1.x: they are left to inference.
    functions.createString = { task, text, length in
      ReplyParser.receive(task) { arena, type, _ in
        arena.pointee.string(UnsafeRawBufferPointer(start: text, count: Int(length)), type: type)
      }
    }
    functions.createArray = { task, count in
      ReplyParser.receive(task) { arena, _, depth in arena.pointee.array(Int(count), depth: depth) }
    }
    functions.createInteger = { task, value in ReplyParser.receive(task) { _, _, _ in .integer(Int64(value)) } }
    functions.createNil = { task in ReplyParser.receive(task) { _, _, _ in .null } }
    functions.freeObject = { _ in }
    table.initialize(to: functions)
    return table
  }()

  /// What the callbacks work on.
  private struct Arena {
    var limiter = BulkLimiter()
    var tokens = ReplyTokens()
    var entries = EntryBlockBuilder()
    /// Of the reply that is coming in.
    var shape: ReplyShape?
    /// hiredis has it whole, and what is left out of its last list of fields is still coming in.
    var isAhead = false
    /// Replies that are still to come of those that make one.
    var repliesLeft = 0
    var bulks: UInt64 = 0
    /// The same of arrays at the depth of an entry's fields.
    var arrays: UInt64 = 0
    var longestString = 0

    mutating func array(_ count: Int, depth: Int) -> ReplyElement {
      guard depth == BulkLimiter.depthOfFields else { return .array(count, isCut: false) }
      defer { arrays += 1 }
      return .array(count, isCut: limiter.isCut(array: arrays))
    }

    mutating func string(_ bytes: UnsafeRawBufferPointer, type: CInt) -> ReplyElement {
      switch type {
      case REDIS_REPLY_STATUS: return .status(bytes)
      case REDIS_REPLY_ERROR: return .error(bytes)
      default:
        longestString = max(longestString, bytes.count)
        defer { bulks += 1 }
        return .bulk(bytes, limiter.takeCut(bulks))
      }
    }
  }

  private var reader: UnsafeMutablePointer<redisReader>
  // Behind a pointer of its own: hiredis hands it to the callbacks, and ten checks of exclusive access for every entry,
  // which class properties would have, were a quarter of the time. No two accesses overlap: callbacks run within
  // `redisReaderGetReply` only, and during that call nothing else here touches the arena.
  private let arena: UnsafeMutablePointer<Arena>

  init() throws(RedisError) {
    reader = try Self.makeReader()
    arena = .allocate(capacity: 1)
    arena.initialize(to: Arena())
    reader.pointee.privdata = UnsafeMutableRawPointer(arena)
  }

  deinit {
    redisReaderFree(reader)
    arena.deinitialize(count: 1)
    arena.deallocate()
  }

  /// Takes bytes as they came, asks for the shape of each reply that begins and delivers each that is complete.
  ///
  /// - Throws: `malformedReply` for bytes that are no reply, or one that nobody waits for. The connection is then lost.
  func feed(_ input: UnsafeRawBufferPointer, shape nextShape: () -> ReplyShape?, deliver: (ParsedReply) -> Void) throws(RedisError) {
    var at = 0
    while at < input.count {
      let current: ReplyShape
      if let shape = arena.pointee.shape {
        current = shape
      } else {
        guard let next = nextShape() else { throw RedisError(.malformedReply, "Redis sent a reply to no command") }
        begin(next)
        current = next
      }
      let reader = reader
      let rest = UnsafeRawBufferPointer(rebasing: input[at...])
      var isFed = true
      let (used, isComplete) = arena.pointee.limiter.feed(rest, limits: current.limits) { part in
        let bytes = part.assumingMemoryBound(to: CChar.self)
        isFed = isFed && redisReaderFeed(reader, bytes.baseAddress, bytes.count) == REDIS_OK
      }
      at += used
      var token: UnsafeMutableRawPointer?
      guard isFed, redisReaderGetReply(reader, &token) == REDIS_OK, !arena.pointee.limiter.isBroken, isAsExpected(token, isComplete) else {
        throw failure()
      }
      guard isComplete else { continue }
      arena.pointee.shape = nil
      if let reply = finish(current) { deliver(reply) }
    }
  }

  /// Whether hiredis has a reply where the limiter sees its end. Of one that ends in a list of fields that is cut it has all before the end.
  private func isAsExpected(_ token: UnsafeMutableRawPointer?, _ isComplete: Bool) -> Bool {
    if isComplete {
      defer { arena.pointee.isAhead = false }
      return (token != nil) != arena.pointee.isAhead
    }
    guard token != nil else { return true }
    defer { arena.pointee.isAhead = true }
    return arena.pointee.limiter.isLeavingOut && !arena.pointee.isAhead
  }

  private func begin(_ shape: ReplyShape) {
    arena.pointee.shape = shape
    switch shape {
    case .value(let bounds): arena.pointee.tokens.begin(bounds)
    case .entries(let request, let replies):
      guard arena.pointee.repliesLeft == 0 else { return }
      arena.pointee.repliesLeft = replies
      arena.pointee.entries.begin(request)
    }
  }

  /// Nil where more replies belong to it.
  private func finish(_ shape: ReplyShape) -> ParsedReply? {
    if arena.pointee.longestString > Self.largestBuffer, let fresh = try? Self.makeReader() {
      redisReaderFree(reader)
      reader = fresh
      reader.pointee.privdata = UnsafeMutableRawPointer(arena)
    }
    arena.pointee.longestString = 0
    switch shape {
    case .value: return .value(arena.pointee.tokens.finish())
    case .entries:
      arena.pointee.repliesLeft -= 1
      guard arena.pointee.repliesLeft == 0 else { return nil }
      let excesses = arena.pointee.limiter.takeExcesses()
      return .entries(Result { () throws(RedisError) in try arena.pointee.entries.finish(excesses) })
    }
  }

  /// The body of every callback. The answer must not be null, which means "no memory": it is the element's depth plus
  /// one, from which its children learn their own.
  private static func receive(
    _ task: UnsafePointer<redisReadTask>?, _ element: (UnsafeMutablePointer<Arena>, CInt, Int) -> ReplyElement
  ) -> UnsafeMutableRawPointer? {
    guard let task, let arena = task.pointee.privdata?.assumingMemoryBound(to: Arena.self) else { return nil }
    let depth = task.pointee.parent.map { Int(bitPattern: $0.pointee.obj) } ?? 0
    let element = element(arena, task.pointee.type, depth)
    switch arena.pointee.shape {
    case .value: arena.pointee.tokens.append(element, depth: depth)
    case .entries: arena.pointee.entries.append(element, depth: depth, index: Int(task.pointee.idx))
    case nil: break
    }
    return UnsafeMutableRawPointer(bitPattern: depth + 1)
  }

  private func failure() -> RedisError {
    let text = withUnsafeBytes(of: &reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return RedisError(.malformedReply, "what Redis sent is not a reply: \(text.isEmpty ? "it ends elsewhere" : text)")
  }

  private static func makeReader() throws(RedisError) -> UnsafeMutablePointer<redisReader> {
    guard let reader = redisReaderCreateWithFunctions(functions) else {
      throw RedisError(.malformedReply, "hiredis has no memory for a reader")
    }
    // 0: hiredis keeps its buffer between replies instead of allocating it again.
    reader.pointee.maxbuf = 0
    return reader
  }
}
