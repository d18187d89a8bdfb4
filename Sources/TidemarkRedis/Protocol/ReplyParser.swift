internal import CHiredis
internal import TidemarkCore

/// The form in which the next reply is parsed.
enum ReplyShape: Sendable {
  case value(ReplyBounds)
  /// Several replies that form one, because a node of a Cluster is asked for each lane separately.
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
  /// A value; nil if it exceeded its budget.
  case value(RedisReply?)
  case entries(Result<LaneReadReply, RedisError>)
}

/// Parses replies: hiredis' reader with the limiter before it and one of two arenas after it.
///
/// hiredis is not thread-safe ("a reader must be used by one thread at a time"), so this class is not `Sendable` either; the channel
/// handler that owns it keeps it on its event loop.
final class ReplyParser {
  /// A reader whose buffer has grown beyond this size is replaced after the reply, because hiredis never releases memory.
  private static let largestBuffer = 1 << 20

  // Guard: the table is written once, before the first reader exists (`static let`), and hiredis only reads it afterwards. hiredis keeps
  // the pointer, so the table is on the heap and is never freed.
  private nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
    let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
    var functions = redisReplyObjectFunctions()
    // The types of the counts differ between hiredis 0.14 and 1.x, so they are inferred.
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

  /// The state that the callbacks work on.
  private struct Arena {
    var limiter = BulkLimiter()
    var tokens = ReplyTokens()
    var entries = EntryBlockBuilder()
    /// The shape of the incomplete reply.
    var shape: ReplyShape?
    /// Whether hiredis has the whole reply while the left-out part of its last field list is still arriving.
    var isAhead = false
    /// The number of outstanding replies of a request with several.
    var repliesLeft = 0
    var bulks: UInt64 = 0
    /// The number of arrays so far at the depth of an entry's fields.
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
  // The arena is behind a pointer, because hiredis passes it to the callbacks, and because the ten checks of exclusive access per entry
  // that class properties would need took a quarter of the time. No two accesses overlap: callbacks run only within `redisReaderGetReply`,
  // and nothing else here touches the arena during that call.
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

  /// Parses received bytes, requests the shape of each new reply and delivers each complete reply.
  ///
  /// - Throws: `malformedReply` for bytes that are not a reply, or for a reply that is not expected. The connection is then lost.
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

  /// Returns whether hiredis has a reply exactly where the limiter sees its end. hiredis completes a reply that ends in a cut field list
  /// earlier.
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

  /// Returns the parsed reply; nil if more replies belong to it.
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

  /// Handles every callback. It must not return null, which means "no memory": it returns the element's depth plus one, from which the
  /// children compute their depth.
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
    // With 0, hiredis keeps its buffer between replies instead of allocating it again.
    reader.pointee.maxbuf = 0
    return reader
  }
}
