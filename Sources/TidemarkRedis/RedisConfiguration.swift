package import TidemarkCore

/// How to reach a Redis server.
package struct RedisConfiguration: Sendable, Equatable {
  package enum Endpoint: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
    /// The master of a service, which Sentinels know.
    case sentinel(service: String, sentinels: [RedisNode])
    /// Nodes of a Cluster, any of which knows the others.
    case cluster(seeds: [RedisNode])
  }

  /// How a node of a Cluster is spoken to, see the specification of the Cluster protocol.
  struct ClusterManners: Sendable, Equatable {
    /// It holds a slot that is still being moved to it: each command is to be preceded by ASKING.
    var asks = false
  }

  /// What TLS is made of, as paths of PEM files. All optional: without a CA file the system's roots are trusted.
  package struct TLS: Sendable, Equatable {
    package var caFile: String?
    package var certificateFile: String?
    package var keyFile: String?
  }

  package var endpoint: Endpoint
  /// Nil for a plain connection.
  package var tls: TLS?
  package var username: String?
  package var password: String?
  /// Where the password is read from with each connection; nil: it stays what it is.
  package var passwordSource: PasswordSource?
  package var database: Int
  /// Of the Sentinels, which know no users of the servers that they watch.
  package var sentinelUsername: String?
  package var sentinelPassword: String?
  package var sentinelPasswordSource: PasswordSource?
  /// Nil for a server that is no node of a Cluster.
  var clusterManners: ClusterManners?
  /// For the connection itself. Default: 5 s.
  package var connectTimeout: Duration = .seconds(5)
  /// For the reply to a command, beyond what the command itself waits. Default: 10 s.
  package var commandTimeout: Duration = .seconds(10)

  /// Reads `redis://`, `rediss://` (TLS), `unix:///path/to.sock` and `redis+unix:///path/to.sock`, each with
  /// `[user[:password]@]`, the database as path or `?db=`; `redis+sentinel://host:port,host:port/SERVICE[/DATABASE]` and
  /// `redis+cluster://host:port,host:port`, with `rediss+` for TLS. `password` and `username` win over the URL's.
  ///
  /// - Throws: `invalidConfiguration`, in one line without the password.
  package init(
    url: String, password: String? = nil, username: String? = nil,
    tlsCAFile: String? = nil, tlsCertificateFile: String? = nil, tlsKeyFile: String? = nil
  ) throws(RedisError) {
    let parts = try RedisURL(url)
    endpoint = parts.endpoint
    self.username = username ?? parts.username
    self.password = password ?? parts.password
    database = parts.database
    let files = TLS(caFile: tlsCAFile, certificateFile: tlsCertificateFile, keyFile: tlsKeyFile)
    guard parts.usesTLS || files == TLS() else {
      throw RedisError(.invalidConfiguration, "redis.url: TLS files are given but the URL is not rediss://; write rediss://")
    }
    guard (tlsCertificateFile == nil) == (tlsKeyFile == nil) else {
      throw RedisError(.invalidConfiguration, "redis: a client certificate needs its key file and the other way round; give both or none")
    }
    tls = parts.usesTLS ? files : nil
    if self.username != nil, self.password == nil {
      throw RedisError(.invalidConfiguration, "redis.url: a user without a password; add the password or leave the user out")
    }
  }

  /// What a connection that is made now sends.
  var currentPassword: String? { passwordSource?.current() ?? password }

  /// Where it connects to, without user and password.
  package var address: String {
    switch endpoint {
    case .tcp(let host, let port):
      "\(tls == nil ? "redis" : "rediss")://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
    case .unix(let path): "unix://\(path)" + (database == 0 ? "" : "?db=\(database)")
    case .sentinel(let service, let sentinels):
      "\(tls == nil ? "redis" : "rediss")+sentinel://\(Self.list(sentinels))/\(service)/\(database)"
    case .cluster(let seeds): "\(tls == nil ? "redis" : "rediss")+cluster://\(Self.list(seeds))"
    }
  }

  private static func list(_ nodes: [RedisNode]) -> String { nodes.map(\.description).joined(separator: ",") }

  /// The same user, secrets and timeouts for one node.
  func at(_ node: RedisNode) -> RedisConfiguration {
    var configuration = self
    configuration.endpoint = .tcp(host: node.host, port: node.port)
    return configuration
  }

  /// For logs and `status`: never the password.
  package var redactedDescription: String {
    guard password != nil else { return address }
    return address.replacing("://", with: "://\(username ?? ""):***@", maxReplacements: 1)
  }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redactedDescription }
  package var debugDescription: String { redactedDescription }
  // `dump` and a failed test print the fields of a value: not of this one.
  package var customMirror: Mirror { Mirror(self, children: ["url": redactedDescription]) }
}
