package import TidemarkCore

/// The address of a Redis and the settings of its connections.
package struct RedisConfiguration: Sendable, Equatable {
  package typealias Endpoint = RedisURL.Endpoint

  /// The options of commands to a node of a Cluster, see the specification of the Cluster protocol.
  struct ClusterManners: Sendable, Equatable {
    /// Whether the node holds a slot that is still being migrated to it, so that each command must be preceded by ASKING.
    var asks = false
  }

  /// The PEM files of TLS, by their paths. All are optional: without a CA file the system's roots are trusted.
  package struct TLS: Sendable, Equatable {
    package var caFile: String?
    package var certificateFile: String?
    package var keyFile: String?
  }

  package var endpoint: Endpoint
  /// The TLS files; nil for a plain connection.
  package var tls: TLS?
  package var username: String?
  package var password: String?
  /// The source from which each connection reads the password; nil if the password is fixed.
  package var passwordSource: PasswordSource?
  package var database: Int
  /// The user of the Sentinels, whose ACL is separate from that of the servers.
  package var sentinelUsername: String?
  package var sentinelPassword: String?
  package var sentinelPasswordSource: PasswordSource?
  /// The options for a node of a Cluster; nil for other servers.
  var clusterManners: ClusterManners?
  /// The timeout of the connection attempt. Default: 5 s.
  package var connectTimeout: Duration = .seconds(5)
  /// The timeout of a command's reply, in addition to the time that the command itself waits. Default: 10 s.
  package var commandTimeout: Duration = .seconds(10)

  /// Parses `redis://`, `rediss://` (TLS) and `unix:///path/to.sock`, each with `[user[:password]@]`, the database as path or `?db=`;
  /// `redis+sentinel://host:port,host:port/SERVICE[/DATABASE]` and `redis+cluster://host:port,host:port`, with
  /// `rediss+` for TLS. `password` and `username` override the URL's.
  ///
  /// - Throws: `invalidConfiguration`, in one line without the password.
  package init(
    url: String, password: String? = nil, username: String? = nil,
    tlsCAFile: String? = nil, tlsCertificateFile: String? = nil, tlsKeyFile: String? = nil
  ) throws(RedisError) {
    let parts: RedisURL
    do {
      parts = try RedisURL(ServerURL(url))
    } catch {
      throw RedisError(.invalidConfiguration, "redis.url \(error.what); \(error.hint)")
    }
    endpoint = parts.endpoint
    self.username = username ?? parts.username
    self.password = password ?? parts.password
    database = parts.database
    let files = TLS(caFile: tlsCAFile, certificateFile: tlsCertificateFile, keyFile: tlsKeyFile)
    guard parts.usesTLS || files == TLS() else {
      throw RedisError(.invalidConfiguration, "redis.url: TLS files are given but the URL is not rediss://; write rediss://")
    }
    guard (tlsCertificateFile == nil) == (tlsKeyFile == nil) else {
      throw RedisError(.invalidConfiguration, "redis: a client certificate and its key file need each other; give both or none")
    }
    tls = parts.usesTLS ? files : nil
    if self.username != nil, self.password == nil {
      throw RedisError(.invalidConfiguration, "redis.url: a user without a password; add the password or leave the user out")
    }
  }

  /// The password for a connection that is made now.
  var currentPassword: String? { passwordSource?.current() ?? password }

  /// The address without user and password.
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

  /// Returns the configuration for one node, with this configuration's user, secrets and timeouts.
  func at(_ node: RedisNode) -> RedisConfiguration {
    var configuration = self
    configuration.endpoint = .tcp(host: node.host, port: node.port)
    return configuration
  }

  /// The address for logs and `status`, without the password.
  package var redactedDescription: String {
    guard password != nil else { return address }
    return address.replacing("://", with: "://\(username ?? ""):***@", maxReplacements: 1)
  }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redactedDescription }
  package var debugDescription: String { redactedDescription }
  // `dump` and a failed test print the fields of a value, so this type hides its own.
  package var customMirror: Mirror { Mirror(self, children: ["url": redactedDescription]) }
}
