package import NIOCore
internal import NIOPosix
internal import NIOSSL

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

extension RedisConnection {
  /// Connects, proves who we are and selects the database.
  ///
  /// - Throws: ``RedisError``: `connectFailed`, `tls`, `timedOut`, or `server` with what Redis said to AUTH or SELECT.
  ///
  /// Finds the master of a service that Sentinels know. A Cluster is not one server: that is what ``RedisKeyspace`` and ``RedisSource`` are
  /// for.
  package static func connect(
    _ configuration: RedisConfiguration, name: String, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) async throws -> RedisConnection {
    switch configuration.endpoint {
    case .tcp, .unix, .cluster:
      return try await open(configuration, name: name, on: group)
    case .sentinel(let service, let sentinels):
      let directory = SentinelDirectory(configuration, service: service, sentinels: sentinels)
      let connection = try await open(configuration.at(try await directory.master()), name: name, on: group)
      return try await connection.closing { try await connection.requireMaster() }
    }
  }

  /// Itself, once `body` is through; closed where that throws.
  private func closing(_ body: () async throws -> Void) async throws -> RedisConnection {
    do {
      try await body()
      return self
    } catch {
      await close()
      throw error
    }
  }

  /// Sentinels may still name a server that was demoted a moment ago.
  private func requireMaster() async throws {
    let role = try await RedisPrefixClaim(self).info("replication")["role"]
    guard role != "slave" else {
      throw RedisError(.connectFailed, "the server that the Sentinels named is a replica; a failover is under way")
    }
  }

  /// One server, at its address.
  static func open(_ configuration: RedisConfiguration, name: String, on group: any EventLoopGroup) async throws -> RedisConnection {
    let address = configuration.address
    let tls = try configuration.makeTLSContext()
    let host = configuration.tlsHostName
    let bootstrap = ClientBootstrap(group: group)
      .connectTimeout(TimeAmount(configuration.connectTimeout))
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65536, maximum: 262_144))
    // The handler is handed out here and not looked up later: a server that refuses us at once has by then emptied the
    // pipeline, and only the handler knows why.
    let prepare: @Sendable (any Channel) -> EventLoopFuture<RedisConnection> = { channel in
      channel.eventLoop.makeCompletedFuture {
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: host)) }
        // Several channels may be tried, one for each address of the host: each has its own state.
        let openFlag = OpenFlag()
        let handler = try RedisChannelHandler(address: address, openFlag: openFlag)
        try channel.pipeline.syncOperations.addHandler(handler)
        return RedisConnection(
          channel: channel, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop), openFlag: openFlag,
          configuration: configuration)
      }
    }
    let connection: RedisConnection
    do {
      switch configuration.endpoint {
      case .tcp(let host, let port): connection = try await bootstrap.connect(host: host, port: port, channelInitializer: prepare)
      case .unix(let path): connection = try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: prepare)
      case .sentinel, .cluster: throw RedisError(.invalidConfiguration, "\(address) is not one server")
      }
    } catch let error as RedisError {
      throw error
    } catch {
      throw RedisError(
        .connectFailed, "can't reach \(address) (\(Self.reason(error)))", hint: "start the server, or correct redis.url", underlying: error)
    }
    do {
      return try await connection.closing { try await connection.introduce(configuration, name: name) }
    } catch let error as RedisError where error.code == .timedOut && tls != nil {
      // A port without TLS waits for the end of what it takes for a command.
      throw RedisError(
        .timedOut, "\(address) did not answer in time; see whether the port speaks TLS, else write redis://", underlying: error)
    }
  }

  /// Why a server can't be reached, in the system's words.
  private static func reason(_ error: any Error) -> String {
    // Of several addresses of one host the first is as good as any.
    let first = (error as? NIOConnectionError).flatMap { $0.connectionErrors.first?.error ?? $0.dnsAError ?? $0.dnsAAAAError } ?? error
    return (first as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(first)"
  }

  private func introduce(_ configuration: RedisConfiguration, name: String) async throws {
    var commands: [[RedisArgument]] = []
    if let password = configuration.currentPassword {
      commands.append(["AUTH"] + [configuration.username, password].compactMap { $0.map { .text($0) } })
    }
    // A user without the right to SELECT can use database 0.
    if configuration.database != 0 { commands.append(["SELECT", .integer(Int64(configuration.database))]) }
    let required = commands.count
    commands.append(["CLIENT", "SETNAME", .text(name)])
    // What SETNAME answers does not matter: a name is a comfort of CLIENT LIST, and rights to it are rare.
    for reply in try await pipeline(commands).prefix(required) { _ = try reply.orThrow() }
  }
}
