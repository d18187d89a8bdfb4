internal import TidemarkCore

/// A failure of a connection to Redis, or a refusal by the server where a reply was required.
///
/// `description` is one line for people: what, where and, where that is known, how to fix it. It never holds a password or
/// the content of an entry.
package struct RedisError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
  /// What kind of failure it is. A struct, so that a new kind does not break a `switch` elsewhere.
  package struct Code: Hashable, Sendable {
    private let name: String

    /// The URL or a setting makes no sense.
    package static let invalidConfiguration = Code(name: "invalid configuration")
    /// The server could not be reached.
    package static let connectFailed = Code(name: "connect failed")
    /// The connection ended before the reply came.
    package static let connectionClosed = Code(name: "connection closed")
    /// No reply before the deadline; the connection was closed, since its replies can't be matched any more.
    package static let timedOut = Code(name: "timed out")
    /// TLS files can't be read, or the two sides don't agree.
    package static let tls = Code(name: "TLS failed")
    /// The server is older than what Tidemark needs.
    package static let unsupportedServer = Code(name: "unsupported server")
    /// The server answered with an error; ``RedisError/message`` is its text.
    package static let server = Code(name: "server error")
    /// The reply was larger than it may be and was dropped; the connection is still usable.
    package static let replyTooLarge = Code(name: "reply too large")
    /// Bytes that are not a reply to what was asked.
    package static let malformedReply = Code(name: "malformed reply")
  }

  package var code: Code
  package var message: String
  /// How to fix it, where that is known here.
  package var hint: String?
  package var underlying: (any Error)?
  /// What was awaited when the connection ended was entries.
  package var isOfRead = false
  package var file: String
  package var line: Int

  package init(
    _ code: Code, _ message: String, hint: String? = nil, underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.underlying = underlying
    self.file = file
    self.line = line
  }

  /// Whether the same call may succeed later without anybody changing anything.
  package var isRetryable: Bool {
    switch code {
    case .connectFailed, .connectionClosed, .timedOut: true
    case .server: ServerErrorClass(message).isPassing
    default: false
    }
  }

  package var description: String { ForeignText.line(message + (hint.map { "; \($0)" } ?? "")) }

  package var debugDescription: String {
    let cause = underlying.map { ", caused by \($0)" } ?? ""
    return "\(code): \(message)\(cause) (\(file):\(line))"
  }
}

extension RedisError.Code: CustomStringConvertible {
  package var description: String { name }
}

/// What the first word of a server's error says about who can fix it.
enum ServerErrorClass {
  /// It passes by itself: loading, failover, memory, a long script.
  case passing
  /// A user, a password or a privilege is wrong.
  case refused
  /// The key does not hold what was expected.
  case wrongType
  /// The server can't do it as it is set up.
  case unsupported
  case other

  /// Words of Redis 7 and Valkey 7.2, `src/server.c` `createSharedObjects` and `src/cluster.c`. `MISCONF` is the failed
  /// snapshot: it passes with a full disk. `NOREPLICAS` and `MASTERDOWN` pass with the failover.
  private static let passingWords: Set<Substring> = [
    "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "OOM", "TRYAGAIN", "MISCONF", "NOREPLICAS", "UNBLOCKED",
  ]

  /// A script says in words of its own what its user may not do.
  private static let refusalTexts = [
    "ERR The user executing the script", "ERR ACL failure in script", "ERR Client sent AUTH", "ERR AUTH <password> called",
  ]

  private static let unsupportedTexts = [
    "ERR DB index", "ERR invalid DB index", "ERR SELECT is not allowed", "ERR unknown command", "ERR unknown subcommand",
  ]

  init(_ message: String) {
    let word = message.prefix { $0 != " " }
    if Self.passingWords.contains(word) || message.hasPrefix("ERR max number of clients reached") {
      self = .passing
    } else if word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM" || word == "DENIED"
      || Self.refusalTexts.contains(where: { message.hasPrefix($0) })
    {
      self = .refused
    } else if word == "WRONGTYPE" {
      self = .wrongType
    } else if word == "MOVED" || word == "CROSSSLOT" || Self.unsupportedTexts.contains(where: { message.hasPrefix($0) }) {
      self = .unsupported
    } else {
      self = .other
    }
  }

  var isPassing: Bool { self == .passing }

  /// Whether an error is about the key that a command names, and so says nothing of other keys: it holds something else, belongs to another
  /// installation, or the user may not use it. A user without the command is refused for every key, in words about the command.
  static func concernsKey(_ message: String) -> Bool {
    switch ServerErrorClass(message) {
    case .wrongType: true
    case .refused: message.hasPrefix("NOPERM") && !message.contains("to run the")
    case .other: InstallationGuard.refuses(message)
    case .passing, .unsupported: false
    }
  }
}
