import Synchronization
package import TidemarkServers

/// A Redis and a Postgres for the length of one body.
package struct Servers: Sendable {
  package let redis: RedisServer
  package let postgres: PostgresServer
}

/// Runs `body` with a private Redis, which ends with it however it ends.
@discardableResult
package func withRedis<Result>(
  _ options: RedisServer.Options = .init(), isolation: isolated (any Actor)? = #isolation,
  _ body: (RedisServer) async throws -> Result
) async throws -> Result {
  let server = RedisServer(options)
  do {
    try await server.start()
    let result = try await body(server)
    await server.close()
    return result
  } catch {
    await server.close()
    throw error
  }
}

/// Runs `body` with an empty database of the Postgres that this process shares, or, with `.private`, of a server of its own;
/// either goes with the body however it ends.
@discardableResult
package func withPostgres<Result>(
  _ options: PostgresServer.Options = .shared, isolation: isolated (any Actor)? = #isolation,
  _ body: (PostgresServer) async throws -> Result
) async throws -> Result {
  let server: PostgresServer
  if options.isShared {
    server = try await SharedPostgres.database()
  } else {
    server = PostgresServer(options)
  }
  do {
    if !options.isShared { try await server.start() }
    let result = try await body(server)
    await server.close()
    return result
  } catch {
    await server.close()
    throw error
  }
}

/// Runs `body` with both.
@discardableResult
package func withServers<Result>(
  redis: RedisServer.Options = .init(), postgres: PostgresServer.Options = .shared, isolation: isolated (any Actor)? = #isolation,
  _ body: (Servers) async throws -> Result
) async throws -> Result {
  try await withPostgres(postgres) { postgres in
    try await withRedis(redis) { redis in
      try await body(Servers(redis: redis, postgres: postgres))
    }
  }
}

/// The Postgres that all tests of this process share; it ends with the process, by its supervisor.
private enum SharedPostgres {
  private static let shared = Mutex<Task<PostgresInstance, any Error>?>(nil)

  static func database() async throws -> PostgresServer {
    let task = shared.withLock { slot in
      if let task = slot { return task }
      let task = Task {
        let instance = PostgresInstance(.shared)
        try await instance.start()
        return instance
      }
      slot = task
      return task
    }
    let instance = try await task.value
    let server = PostgresServer(instance, database: instance.nextDatabase(), isShared: true)
    do {
      _ = try await server.createDatabase(server.database)
    } catch {
      await server.close()
      throw error
    }
    return server
  }
}
