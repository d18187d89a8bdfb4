/// The parts of a Redis URL. Errors never repeat the URL, which may contain a password.
struct RedisURL {
  var endpoint: RedisConfiguration.Endpoint
  var usesTLS = false
  var username: String?
  var password: String?
  var database = 0

  init(_ url: String) throws(RedisError) {
    guard let mark = url.firstRange(of: "://") else {
      throw Self.error("it has no scheme; write redis://HOST:PORT/DATABASE")
    }
    let scheme = url[..<mark.lowerBound].lowercased()
    var rest = url[mark.upperBound...]
    guard !rest.contains("#") else { throw Self.error("it holds a '#'; write it as %23") }
    var query: Substring = ""
    if let question = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: question)...]
      rest = rest[..<question]
    }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    var authority = rest[..<slash]
    let path = rest[slash...]
    if let at = authority.lastIndex(of: "@") {
      let user = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      username = try user.first.flatMap { part throws(RedisError) in part.isEmpty ? nil : try Self.decode(part, "the user") }
      if user.count == 2, !user[1].isEmpty { password = try Self.decode(user[1], "the password") }
      authority = authority[authority.index(after: at)...]
    } else if path.contains("@") {
      throw Self.error("it has a '/' before the '@'; write a '/' in a password as %2F")
    }

    switch scheme {
    case "redis", "rediss":
      usesTLS = scheme == "rediss"
      endpoint = try Self.tcp(authority)
      let name = path.drop { $0 == "/" }
      if !name.isEmpty { database = try Self.database(name) }
    case "redis+sentinel", "rediss+sentinel":
      usesTLS = scheme == "rediss+sentinel"
      let words = path.split(separator: "/")
      guard let service = words.first, words.count <= 2 else {
        throw Self.error("it names no service; write redis+sentinel://HOST:26379,HOST:26379/SERVICE/DATABASE")
      }
      endpoint = .sentinel(service: try Self.decode(service, "the service"), sentinels: try Self.nodes(authority, port: 26379))
      if words.count == 2 { database = try Self.database(words[1]) }
    case "redis+cluster", "rediss+cluster":
      usesTLS = scheme == "rediss+cluster"
      endpoint = .cluster(seeds: try Self.nodes(authority, port: 6379))
      guard path.allSatisfy({ $0 == "/" }) || path == "/0" else { throw Self.error("a Cluster has database 0 only; leave it out") }
    case "unix", "redis+unix":
      guard authority.isEmpty, path.count > 1 else {
        throw Self.error("the path of the socket is not absolute; write unix:///path/to/redis.sock")
      }
      endpoint = .unix(path: try Self.decode(path, "the path"))
    default:
      throw Self.error(
        "the scheme '\(scheme.prefix(20))' is not known; write redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
    }

    for item in query.split(separator: "&") {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      switch (pair[0], pair.count) {
      case ("db", 2): database = try Self.database(pair[1])
      case ("password", 2): password = try Self.decode(pair[1], "the password")
      default: throw Self.error("the option '\(pair[0].prefix(20))' is not known; only ?db=NUMBER is")
      }
    }
  }

  private static func error(_ text: String) -> RedisError { RedisError(.invalidConfiguration, "redis.url: \(text)") }

  private static func tcp(_ authority: Substring) throws(RedisError) -> RedisConfiguration.Endpoint {
    guard !authority.contains(",") else {
      throw error("it names several hosts; name one, or write redis+sentinel:// or redis+cluster://")
    }
    let node = try node(authority, port: 6379)
    return .tcp(host: node.host, port: node.port)
  }

  private static func nodes(_ authority: Substring, port: Int) throws(RedisError) -> [RedisNode] {
    var nodes: [RedisNode] = []
    for part in authority.split(separator: ",", omittingEmptySubsequences: false) {
      guard !part.isEmpty else { throw error("a host of its list is empty; write HOST:PORT,HOST:PORT") }
      nodes.append(try node(part, port: port))
    }
    return nodes
  }

  private static func node(_ authority: Substring, port standard: Int) throws(RedisError) -> RedisNode {
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { throw error("the IPv6 address has no ']'") }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let rest = authority[authority.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { throw error("only ':PORT' may follow the ']'") }
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
      guard port?.contains(":") == false else { throw error("an IPv6 address must be in brackets; write [::1]:6379") }
    }
    var number = standard
    if let port, !port.isEmpty {
      guard let value = Int(port), (1...65535).contains(value) else { throw error("the port is not a number from 1 to 65535") }
      number = value
    }
    return RedisNode(host: host.isEmpty ? "127.0.0.1" : try decode(host, "the host"), port: number)
  }

  private static func database(_ text: Substring) throws(RedisError) -> Int {
    guard let number = Int(text), number >= 0, text.first != "+" else {
      throw error("the database is not a number; write /0 after the port")
    }
    return number
  }

  private static func decode(_ text: Substring, _ what: String) throws(RedisError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else {
        throw error("\(what) holds a '%' without two hexadecimal digits; write '%' itself as %25")
      }
      bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self), !decoded.utf8.contains(0) else {
      throw error("\(what) is not UTF-8 text once decoded")
    }
    return decoded
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}
