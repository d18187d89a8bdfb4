internal import TidemarkCore

extension SourceError {
  /// Says what a failure means for the engine. `address` holds no password.
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

  /// A lane that is refused for what its key is.
  static func refusing(_ lane: String, _ what: String, _ message: String, _ hint: String = "") -> SourceError {
    let isForeign = InstallationGuard.refuses(message)
    return SourceError(isForeign ? .otherInstallation(lane) : .laneRefused(lane), "\(what)\(message.prefix(200))\(isForeign ? "" : hint)")
  }

  /// The lanes that were refused for what a key of theirs is. Each reply is of some lanes and of one key.
  ///
  /// - Throws: ``RedisError`` for the first error that is no fault of a key.
  static func refusals(of replies: [(lanes: [String], key: String, reply: RedisReply)]) throws -> [String: SourceError] {
    var refused: [String: SourceError] = [:]
    for (lanes, key, reply) in replies {
      guard case .error(let message) = reply else { continue }
      guard ServerErrorClass.concernsKey(message) else { throw RedisError(.server, message) }
      for lane in lanes {
        refused[lane] = .refusing(
          lane, "the agents of lane \(lane) can't be told: the key \(key) answers ", message, "; remove it, or grant it")
      }
    }
    return refused
  }

  private init(serverError message: String, address: String) {
    // A message of the server may be long (a script's) but never has two lines.
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
      self.init(.misconfigured, "\(text); another program uses a key of Tidemark's: choose another redis.prefix")
    case .unsupported where message.hasPrefix("MOVED") || message.hasPrefix("CROSSSLOT"):
      self.init(.misconfigured, "\(text); it is a node of a Cluster: write redis+cluster:// in redis.url")
    case .unsupported:
      self.init(.misconfigured, "\(text); see which servers and modes are supported")
    case .other:
      // What nobody has thought of may pass; what does not pass shows as a lane that waits, with this text.
      self.init(.unavailable, text)
    }
  }
}
