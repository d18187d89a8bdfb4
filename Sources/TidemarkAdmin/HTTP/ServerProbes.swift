internal import TidemarkCore
internal import TidemarkPostgres
internal import TidemarkRedis

/// Asks both servers whether they answer, at most once a second each, at any rate of calls.
struct ServerProbes: Sendable {
  /// The problem of Redis and its remedy; nil if Redis answers.
  let redis: Cached<String?>
  let postgres: Cached<String?>
  /// The problem of the schema and its remedy; nil if the schema fits or can't be read.
  let schema: Cached<String?>
  /// The lanes that no worker has owned for longer than a handover takes; nil if that can't be read.
  let unowned: Cached<Readiness.UnownedLanes?>
  let isEvictionSafe: Cached<Bool?>

  init(source: any RedisSource, redis configuration: RedisConfiguration, sink: PostgresSink, schema: String, leaseTTL: Duration) throws {
    let store = try StatusStore(sink: sink, schema: schema)
    redis = Cached(for: .seconds(1)) {
      do {
        try await source.ping()
        return nil
      } catch let error as SourceError where !error.isRetryable {
        return "redis: \(error)"
      } catch {
        return "redis: \(error)"
      }
    }
    postgres = Cached(for: .seconds(1)) {
      do {
        try await store.ping()
        return nil
      } catch {
        return Self.told(error, "start it, or correct postgres.url")
      }
    }
    self.schema = Cached(for: .seconds(5)) { await Self.schemaProblem(store, schema) }
    unowned = Cached(for: .seconds(1)) {
      guard let lanes = try? await store.unownedLanes(for: leaseTTL * 2) else { return nil }
      return Readiness.UnownedLanes(count: lanes.count, names: lanes.names)
    }
    isEvictionSafe = Cached(for: .seconds(30)) {
      let keyspace = RedisKeyspace(configuration, name: "tidemark-admin")
      defer { Task { await keyspace.close() } }
      guard let servers = try? await keyspace.connections() else { return nil }
      var isSafe = true
      for server in servers {
        guard let policy = try? await RedisInspector(server).evictionPolicy() else { return nil }
        isSafe = isSafe && !policy.hasPrefix("allkeys")
      }
      return isSafe
    }
  }

  private static func schemaProblem(_ store: StatusStore, _ schema: String) async -> String? {
    let ours = Migration.all.last?.version ?? 0
    do {
      let version = try await store.schemaVersion()
      if version == ours { return nil }
      let hint = version < ours ? "run `tidemark migrate`" : "run the release that migrated it"
      return "postgres.schema: \(schema) is at version \(version), this release needs \(ours); \(hint)"
    } catch let error as SinkError where error.kind == .fault(.configuration) {
      return told(error, "run `tidemark migrate`")
    } catch {
      // Postgres is away, which is reported separately.
      return nil
    }
  }

  private static func told(_ error: any Error, _ hint: String) -> String {
    "postgres: \(error); \((error as? SinkError)?.hint ?? hint)"
  }
}
