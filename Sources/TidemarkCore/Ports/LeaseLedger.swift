/// The leases of shards, on the ledger's clock. All methods throw ``SinkError`` and may be called again after they threw.
package protocol LeaseLedger: Sendable {
  /// Records that this worker lives and whether it can serve lanes, renews its leases, and returns them. A lease of its own that ran out goes on unless
  /// another worker took it.
  func renew(_ worker: WorkerIdentity, canServe: Bool, for ttl: Duration) async throws -> LeaseGrant

  /// Returns all leases, and the workers that were heard of within `ttl`.
  func leases(within ttl: Duration) async throws -> LeaseTable

  /// Takes those of these shards that are still free, and returns them. From then on nothing of an earlier owner commits.
  func take(_ shards: [Int], for worker: WorkerIdentity, ttl: Duration) async throws -> LeaseGrant

  /// Gives back those of these shards that the worker holds, and notifies the other workers.
  func release(_ shards: [Int], of worker: WorkerIdentity) async throws

  /// Gives everything back, removes the worker, and notifies the others.
  func leave(_ worker: WorkerIdentity) async throws

  /// Returns a connection of its own that hears the notifications of others. It does not connect yet.
  func makeLeaseNews() throws -> any LeaseNews
}
