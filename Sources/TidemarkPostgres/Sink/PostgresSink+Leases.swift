package import TidemarkCore

extension PostgresSink {
  package func renew(_ worker: WorkerIdentity, canServe: Bool, for ttl: Duration) async throws -> LeaseGrant {
    LeaseGrant(
      try await query(
        sql.renew,
        [
          .string(worker.name), .string(worker.host), .integer(Int64(worker.pid)), .string(version), .bool(canServe), .seconds(ttl),
        ]))
  }

  package func note(notInForce settings: String?, tuningRefused: String?, of worker: WorkerIdentity) async throws {
    try await query(sql.noteSettings, [.string(worker.name), .string(settings), .string(tuningRefused)])
  }

  package func leases(within ttl: Duration) async throws -> LeaseTable {
    let result = try await query(sql.leases, [.seconds(ttl)])
    var table = LeaseTable(shards: [], workers: [])
    for row in 0..<result.rowCount {
      let worker = result.string(row, "worker")
      if let shard = result.int64(row, "shard") {
        table.shards.append(
          ShardLease(
            shard: Int(shard), holder: worker, isFree: result.bool(row, "is_free") ?? false,
            hasLanes: result.bool(row, "has_lanes") ?? false))
      } else if let worker {
        table.workers.append(LiveWorker(name: worker, canServe: result.bool(row, "can_serve") ?? false))
      }
    }
    return table
  }

  package func take(_ shards: [Int], for worker: WorkerIdentity, ttl: Duration) async throws -> LeaseGrant {
    LeaseGrant(try await query(sql.take, [.string(worker.name), .integerArray(shards.map { Int64($0) }), .seconds(ttl)]))
  }

  package func release(_ shards: [Int], of worker: WorkerIdentity) async throws {
    try await query(sql.release, [.string(worker.name), .integerArray(shards.map { Int64($0) })])
  }

  package func leave(_ worker: WorkerIdentity) async throws {
    try await query(sql.leave, [.string(worker.name)])
  }

  package func makeLeaseNews() throws -> any LeaseNews {
    PostgresLeaseNews(
      connection: try PostgresConnection(configuration: configuration, logger: logger), listen: sql.listen, settings: settings)
  }
}

extension LeaseGrant {
  fileprivate init(_ result: PostgresResult) {
    self.init()
    for row in 0..<result.rowCount {
      if let shard = result.int64(row, "shard"), let fence = result.int64(row, "fence") { shards[Int(shard)] = fence }
    }
  }
}

extension PostgresValue {
  fileprivate static func seconds(_ duration: Duration) -> PostgresValue {
    .string(String(duration.seconds))
  }
}
