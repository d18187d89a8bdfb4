package import NIOCore
internal import NIOPosix
internal import NIOSSL

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

extension RedisConnection {
  /// Connects, logs in and selects the database. If the endpoint is Sentinels, connects to the master that they name. A Cluster is not one
  /// server: use ``RedisKeyspace`` or ``RedisSource`` for it.
  ///
  /// - Throws: ``RedisError``: `connectFailed`, `tls`, `timedOut`, or `server` with Redis' answer to AUTH or SELECT.
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

  /// Runs `body` and returns this connection; closes it if `body` throws.
  private func closing(_ body: () async throws -> Void) async throws -> RedisConnection {
    do {
      try await body()
      return self
    } catch {
      await close()
      throw error
    }
  }

  /// Throws if the server is not a master. Sentinels may still name a server that was just demoted.
  private func requireMaster() async throws {
    let role = try await RedisInspector(self).info("replication")["role"]
    guard role != "slave" else {
      throw RedisError(.connectFailed, "the server that the Sentinels named is a replica; a failover is under way")
    }
  }

  /// Connects to one server at its address.
  static func open(_ configuration: RedisConfiguration, name: String, on group: any EventLoopGroup) async throws -> RedisConnection {
    let address = configuration.address
    let tls = try configuration.makeTLSContext()
    let host = configuration.tlsHostName
    let bootstrap = ClientBootstrap(group: group)
      .connectTimeout(TimeAmount(configuration.connectTimeout))
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65536, maximum: 262_144))
    // The handler is created here instead of being looked up later, because a server that refuses the connection at once has emptied the
    // pipeline by then, and only the handler knows the error.
    let prepare: @Sendable (any Channel) -> EventLoopFuture<RedisConnection> = { channel in
      channel.eventLoop.makeCompletedFuture {
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: host)) }
        // The bootstrap may try several channels, one for each address of the host, so each gets its own state.
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
      // A port without TLS waits for the rest of a command, so the attempt ends with a timeout.
      throw RedisError(
        .timedOut, "\(address) did not answer in time; check whether the port speaks TLS, else write redis://", underlying: error)
    }
  }

  /// Returns the system's description of a failed connection.
  private static func reason(_ error: any Error) -> String {
    // The errors of several addresses of one host are equally informative, so the first is shown.
    let first = (error as? NIOConnectionError).flatMap { $0.connectionErrors.first?.error ?? $0.dnsAError ?? $0.dnsAAAAError } ?? error
    return (first as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(first)"
  }

  private func introduce(_ configuration: RedisConfiguration, name: String) async throws {
    var commands: [[RedisArgument]] = []
    if let password = configuration.currentPassword {
      commands.append(["AUTH"] + [configuration.username, password].compactMap { $0.map { .text($0) } })
    }
    // A user without the right to SELECT can still use database 0.
    if configuration.database != 0 { commands.append(["SELECT", .integer(Int64(configuration.database))]) }
    let required = commands.count
    commands.append(["CLIENT", "SETNAME", .text(name)])
    // The answer to SETNAME is ignored: the name is optional, and few users have the right to it.
    for reply in try await pipeline(commands).prefix(required) { _ = try reply.orThrow() }
  }
}
