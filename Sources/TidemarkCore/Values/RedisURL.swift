/// The parts of a Redis URL: the only reader of one. What the configuration accepts is what a connection is made to.
package struct RedisURL: Sendable {
  package enum Endpoint: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
    /// The master of a service that Sentinels know.
    case sentinel(service: String, sentinels: [RedisNode])
    /// Nodes of a Cluster, each of which knows the others.
    case cluster(seeds: [RedisNode])
  }

  /// The reason for which a URL is refused, in words that follow the name of the setting, and how to write it. Neither repeats anything of
  /// the URL, because a part of it may be a password.
  package struct Fault: Error, Sendable, Equatable {
    package var what: String
    package var hint: String
  }

  /// The schemes, each in lower case.
  package static let schemes = ["redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"]
  private static let hint = "write redis:// or rediss:// or unix:// and the host, and @ in a password as %40"
  private static let form = "write it as redis://127.0.0.1:6379/0"

  package let endpoint: Endpoint
  package let usesTLS: Bool
  package let username: String?
  package let password: String?
  package let database: Int

  package init(_ url: ServerURL) throws(Fault) {
    guard let parts = url.parts else { throw Fault(what: "is not a URL", hint: Self.hint) }
    let scheme = parts.scheme.lowercased()
    guard Self.schemes.contains(scheme) else { throw Fault(what: "has a scheme other than redis://", hint: Self.hint) }
    usesTLS = scheme.hasPrefix("rediss")
    username = try Self.decode(parts.user)
    let parameters = try Self.parameters(parts.query)
    let inUser = try Self.decode(parts.password)
    password = parameters.password ?? inUser

    var inPath: Substring?
    switch scheme {
    case "unix":
      guard parts.host.isEmpty, parts.path.count > 1 else {
        throw Fault(what: "is not the path of a socket", hint: "write it as unix:///run/redis/redis.sock?db=0")
      }
      endpoint = .unix(path: try Self.decode(parts.path))
    case "redis+sentinel", "rediss+sentinel":
      let form = "write it as \(scheme)://host:26379,host:26379/SERVICE/0"
      let words = parts.path.split(separator: "/")
      guard let service = words.first, words.count <= 2 else { throw Fault(what: "names no service", hint: form) }
      endpoint = .sentinel(service: try Self.decode(service), sentinels: try Self.nodes(parts.host, port: 26379, form: form))
      if words.count == 2 { inPath = words[1] }
    case "redis+cluster", "rediss+cluster":
      let form = "write it as \(scheme)://host:6379,host:6379"
      endpoint = .cluster(seeds: try Self.nodes(parts.host, port: 6379, form: form))
      let words = parts.path.split(separator: "/")
      guard words.isEmpty || words == ["0"], parameters.database ?? 0 == 0 else {
        throw Fault(what: "has a database other than 0, and a Cluster has no other", hint: form)
      }
    default:
      guard !parts.host.contains(",") else {
        throw Fault(what: "names several hosts", hint: "name one, or write redis+sentinel:// or redis+cluster://")
      }
      let node = try Self.node(parts.host, port: 6379, form: Self.form)
      endpoint = .tcp(host: node.host, port: node.port)
      inPath = parts.path.isEmpty || parts.path == "/" ? nil : parts.path.dropFirst()
    }
    let database = try inPath.map { text throws(Fault) in try Self.database(text) }
    if let database, let other = parameters.database, other != database {
      throw Fault(what: "names two databases, in its path and as ?db=", hint: "leave one of them out")
    }
    self.database = database ?? parameters.database ?? 0
  }

  private static func parameters(_ query: Substring?) throws(Fault) -> (database: Int?, password: String?) {
    var database: Int?
    var password: String?
    for parameter in query.map({ ServerURL.parameters($0) }) ?? [] {
      switch parameter.name {
      case "db": database = try Self.database(parameter.value ?? "")
      case "password": password = try decode(parameter.value)
      default: throw Fault(what: "has a parameter other than ?db=", hint: "remove it; files for TLS are settings of redis.tls")
      }
    }
    return (database, password)
  }

  private static func nodes(_ list: Substring, port: Int, form: String) throws(Fault) -> [RedisNode] {
    var nodes: [RedisNode] = []
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard !part.isEmpty else { throw Fault(what: "has an empty host in its list", hint: form) }
      nodes.append(try node(part, port: port, form: form))
    }
    return nodes
  }

  private static func node(_ text: Substring, port standard: Int, form: String) throws(Fault) -> RedisNode {
    var host = text
    var digits: Substring = ""
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { throw Fault(what: "has something other than a port after the ]", hint: form) }
      digits = rest.dropFirst()
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      digits = text[text.index(after: colon)...]
      guard !digits.contains(":") else {
        throw Fault(what: "has an IPv6 address without brackets", hint: "write it as redis://[::1]:6379/0")
      }
    }
    guard !host.isEmpty, !host.contains(where: { "[]".contains($0) }) else { throw Fault(what: "has no host", hint: form) }
    guard let port = digits.isEmpty ? standard : number(digits), (1...65_535).contains(port) else {
      throw Fault(what: "has a port that is not a number from 1 to 65535", hint: form)
    }
    return RedisNode(host: try decode(host), port: port)
  }

  private static func database(_ text: Substring) throws(Fault) -> Int {
    guard let database = number(text), database <= Int32.max else {
      throw Fault(what: "has a database that is not a number", hint: "end it with /0 or another number")
    }
    return database
  }

  private static func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
  }

  private static func decode(_ text: Substring?) throws(Fault) -> String? {
    guard let text else { return nil }
    return try decode(text) as String
  }

  private static func decode(_ text: Substring) throws(Fault) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(Hex.value(of:)), let low = rest.popFirst().flatMap(Hex.value(of:)) else {
        throw Fault(what: "has a % without two hexadecimal digits", hint: "write % itself as %25")
      }
      bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self), !decoded.utf8.contains(0) else {
      throw Fault(what: "is not UTF-8 text without NUL once decoded", hint: "write each byte of the text as % and two digits")
    }
    return decoded
  }
}
