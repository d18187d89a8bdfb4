internal import TidemarkCore

/// A failure of a connection to Redis, or an error reply of the server.
///
/// `description` is one line for people: what is wrong, where and, if known, how to fix it. It never contains a password or the content of
/// an entry.
package struct RedisError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
  /// The kind of failure. A struct, so that a new kind does not break a `switch` elsewhere.
  package struct Code: Hashable, Sendable {
    private let name: String

    /// The URL or a setting is invalid.
    package static let invalidConfiguration = Code(name: "invalid configuration")
    /// The server could not be reached.
    package static let connectFailed = Code(name: "connect failed")
    /// The connection ended before the reply came.
    package static let connectionClosed = Code(name: "connection closed")
    /// No reply came before the deadline. The connection was closed, because its replies can't be matched any more.
    package static let timedOut = Code(name: "timed out")
    /// The TLS files can't be read, or the TLS handshake failed.
    package static let tls = Code(name: "TLS failed")
    /// The server is older than Tidemark requires.
    package static let unsupportedServer = Code(name: "unsupported server")
    /// The server replied with an error; ``RedisError/message`` is its text.
    package static let server = Code(name: "server error")
    /// The reply exceeded its limit and was dropped; the connection is still usable.
    package static let replyTooLarge = Code(name: "reply too large")
    /// The received bytes are not a reply to the command.
    package static let malformedReply = Code(name: "malformed reply")
  }

  package var code: Code
  package var message: String
  /// The remedy, if it is known here.
  package var hint: String?
  package var underlying: (any Error)?
  /// Whether the connection ended while entries were awaited.
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

  /// Whether the call may succeed later without any change by a person.
  package var isRetryable: Bool {
    switch code {
    case .connectFailed, .connectionClosed, .timedOut: true
    case .server: ServerErrorClass(message).isPassing
    default: false
    }
  }

  /// Whether the server lacks a function that was called.
  package var isOfMissingFunction: Bool { code == .server && message.hasPrefix("ERR Function not found") }

  package var description: String { ForeignText.line(message + (hint.map { "; \($0)" } ?? "")) }

  package var debugDescription: String {
    let cause = underlying.map { ", caused by \($0)" } ?? ""
    return "\(code): \(message)\(cause) (\(file):\(line))"
  }
}

extension RedisError.Code: CustomStringConvertible {
  package var description: String { name }
}

/// The class of a server's error by its first word, which tells who can fix it.
enum ServerErrorClass {
  /// The error is temporary: loading, failover, memory, a long script.
  case passing
  /// A user, a password or a privilege is wrong.
  case refused
  /// The key has an unexpected type.
  case wrongType
  /// The server can't run the command in its current setup.
  case unsupported
  case other

  /// The words of Redis 7 and Valkey 7.2, from `src/server.c` `createSharedObjects` and `src/cluster.c`. `MISCONF` is a failed snapshot,
  /// which passes when the disk has space again. `NOREPLICAS` and `MASTERDOWN` pass with the failover.
  private static let passingWords: Set<Substring> = [
    "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "OOM", "TRYAGAIN", "MISCONF", "NOREPLICAS", "UNBLOCKED",
  ]

  /// The errors of scripts, which have their own words for a missing right.
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

  /// Returns whether an error concerns only the key that the command names: the key has another type, belongs to another installation, or
  /// the user may not use it. The error for a user without the command mentions the command and applies to every key.
  static func concernsKey(_ message: String) -> Bool {
    switch ServerErrorClass(message) {
    case .wrongType: true
    case .refused: message.hasPrefix("NOPERM") && !message.contains("to run the")
    case .other: InstallationGuard.refuses(message)
    case .passing, .unsupported: false
    }
  }
}
