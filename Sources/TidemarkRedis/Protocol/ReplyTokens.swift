/// The limits of a plain command's reply.
package struct ReplyBounds: Sendable, Equatable {
  /// The length above which a bulk is cut to 4 KiB.
  package var longestBulk: Int
  /// The bytes of the whole reply; a larger reply is dropped and ``RedisError/Code/replyTooLarge`` is thrown.
  package var budget: Int
  /// The depth below which strings are left out: an array at this depth is returned empty. The root has depth 0.
  package var deepestKept: Int

  package init(longestBulk: Int, budget: Int, deepestKept: Int) {
    self.longestBulk = longestBulk
    self.budget = budget
    self.deepestKept = deepestKept
  }

  /// The standard bounds: 64 MiB, everything is kept.
  package static let standard = ReplyBounds(longestBulk: 64 << 20, budget: 64 << 20, deepestKept: 7)
  /// The bounds for `XINFO STREAM`, which returns the first and the last entry in full, of any size; only their ids are needed.
  package static let inspection = ReplyBounds(longestBulk: 4096, budget: 1 << 20, deepestKept: 2)
}

/// The reply of a plain command during parsing: tokens in the order of the wire, and the bytes of the strings.
struct ReplyTokens {
  private struct Token {
    enum Kind { case status, error, integer, bulk, array, null }
    var kind: Kind
    /// The integer, the number of elements, or the start of the bytes.
    var value: Int64
    var length: Int
  }

  var bounds = ReplyBounds.standard
  private var tokens: [Token] = []
  private var bytes: [UInt8] = []
  private var isOverBudget = false

  mutating func begin(_ bounds: ReplyBounds) {
    self.bounds = bounds
    isOverBudget = false
    tokens.removeAll(keepingCapacity: tokens.capacity < 1 << 14)
    bytes.removeAll(keepingCapacity: bytes.capacity < 1 << 18)
  }

  mutating func append(_ element: ReplyElement, depth: Int) {
    guard depth <= bounds.deepestKept, !isOverBudget else { return }
    let size = bytes.count + element.bytes.count + tokens.count * MemoryLayout<Token>.stride
    guard size <= bounds.budget else {
      isOverBudget = true
      return
    }
    let start = Int64(bytes.count)
    bytes.append(contentsOf: element.bytes)
    let length = element.bytes.count
    switch element {
    case .status: tokens.append(Token(kind: .status, value: start, length: length))
    case .error: tokens.append(Token(kind: .error, value: start, length: length))
    case .bulk: tokens.append(Token(kind: .bulk, value: start, length: length))
    case .integer(let value): tokens.append(Token(kind: .integer, value: value, length: 0))
    case .null: tokens.append(Token(kind: .null, value: 0, length: 0))
    case .array(let count, _):
      tokens.append(Token(kind: .array, value: depth < bounds.deepestKept ? Int64(count) : 0, length: 0))
    }
  }

  /// Returns the reply as a value; nil if it exceeded its budget.
  func finish() -> RedisReply? {
    guard !isOverBudget else { return nil }
    var next = 0
    return take(&next)
  }

  private func take(_ next: inout Int) -> RedisReply? {
    guard next < tokens.count else { return nil }
    let token = tokens[next]
    next += 1
    switch token.kind {
    case .status: return .status(String(decoding: bytes(of: token), as: UTF8.self))
    case .error: return .error(String(decoding: bytes(of: token), as: UTF8.self))
    case .integer: return .integer(token.value)
    case .bulk: return .bulk(Array(bytes(of: token)))
    case .null: return .null
    case .array:
      var elements: [RedisReply] = []
      elements.reserveCapacity(Int(token.value))
      for _ in 0..<token.value {
        guard let element = take(&next) else { return nil }
        elements.append(element)
      }
      return .array(elements)
    }
  }

  private func bytes(of token: Token) -> ArraySlice<UInt8> {
    bytes[Int(token.value)..<Int(token.value) + token.length]
  }
}

/// An element as hiredis reports it. The bytes are valid only during the callback.
enum ReplyElement {
  case status(UnsafeRawBufferPointer)
  case error(UnsafeRawBufferPointer)
  /// A bulk with the limiter's record if the bulk was cut.
  case bulk(UnsafeRawBufferPointer, BulkLimiter.Cut?)
  case integer(Int64)
  /// An array, and whether the limiter left out its end.
  case array(Int, isCut: Bool)
  case null

  var bytes: UnsafeRawBufferPointer {
    switch self {
    case .status(let bytes), .error(let bytes), .bulk(let bytes, _): bytes
    default: UnsafeRawBufferPointer(start: nil, count: 0)
    }
  }
}
