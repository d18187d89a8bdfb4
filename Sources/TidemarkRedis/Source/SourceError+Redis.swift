internal import TidemarkCore

extension SourceError {
  /// Creates the engine's error for a failure of Redis. `address` contains no password.
  init(_ error: RedisError, address: String) {
    switch error.code {
    case .connectFailed, .connectionClosed, .timedOut, .malformedReply, .replyTooLarge:
      self.init(.unavailable, error.description)
      isClosedRead = error.isOfRead
    case .server:
      self.init(serverError: error.message, address: address)
    case .unsupportedServer:
      self.init(.misconfigured, "\(address): \(error.message)")
    default:
      self.init(.misconfigured, error.message)
    }
  }

  /// Creates the error for a lane that is refused because of its key.
  static func refusing(_ lane: String, _ what: String, _ message: String, _ hint: String = "") -> SourceError {
    let isForeign = InstallationGuard.refuses(message)
    return SourceError(isForeign ? .otherInstallation(lane) : .laneRefused(lane), "\(what)\(message.prefix(200))\(isForeign ? "" : hint)")
  }

  /// Returns the errors of the lanes that were refused because of a key. Each reply belongs to some lanes and one key.
  ///
  /// - Throws: ``RedisError`` for the first error that does not concern a key.
  static func refusals(of replies: [(lanes: [String], key: String, reply: RedisReply)]) throws -> [String: SourceError] {
    var refused: [String: SourceError] = [:]
    for (lanes, key, reply) in replies {
      guard case .error(let message) = reply else { continue }
      guard ServerErrorClass.concernsKey(message) else { throw RedisError(.server, message) }
      for lane in lanes {
        refused[lane] = .refusing(
          lane, "marks of lane \(lane) can't be published: the key \(key) answers ", message, "; remove it, or grant it")
      }
    }
    return refused
  }

  private init(serverError message: String, address: String) {
    // A message of the server may be long (a script's error) but never has two lines.
    let text = "\(address) answered: \(message.prefix(200))"
    switch ServerErrorClass(message) {
    case .passing:
      self.init(.unavailable, text)
    case .refused where message.hasPrefix("ERR The user executing the script"):
      self.init(.misconfigured, "\(text); grant it the commands that the README lists, with ACL SETUSER")
    case .refused where message.hasPrefix("NOPERM"):
      self.init(.misconfigured, "\(text); grant it with ACL SETUSER")
    case .refused where message.hasPrefix("DENIED"):
      self.init(.misconfigured, "\(text.prefix(120)); set a password in Redis or let it listen on a private address")
    case .refused:
      self.init(.misconfigured, "\(text); correct the user and password of redis.url")
    case .wrongType:
      self.init(.misconfigured, "\(text); another program uses one of Tidemark's keys: choose another redis.prefix")
    case .unsupported where message.hasPrefix("MOVED") || message.hasPrefix("CROSSSLOT"):
      self.init(.misconfigured, "\(text); it is a node of a Cluster: write redis+cluster:// in redis.url")
    case .unsupported:
      self.init(.misconfigured, "\(text); the README lists the supported servers")
    case .other:
      // An unknown error may be temporary; if it is not, it shows as the error of a waiting lane.
      self.init(.unavailable, text)
    }
  }
}
