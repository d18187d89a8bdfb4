/// Why a session leaves Redis. The metrics have these names.
package enum EvictionReason: String, Sendable, CaseIterable {
  /// It was not used for `hot.evict_idle_after`.
  case idle
  /// Its server has reached `pressure.memory`.
  case memory
}

/// Sessions to remove from Redis, the first one first.
package struct Eviction: Sendable, Equatable {
  package var sessions: [String]
  package var reason: EvictionReason
  /// The time without use that the step demands which removes a session.
  package var idle: Duration
  package var installation: InstallationID
}

/// What a worker knows that decides about evictions.
package struct EvictionFacts: Sendable, Equatable {
  /// `hot.evict_idle_after`; zero: no session is evicted.
  package var idle: Duration
  /// `pressure.memory`, as a share of `maxmemory`.
  package var memoryLimit: Double
  /// The owned lanes of sessions, each with the installation for which it is served.
  package var owned: [String: InstallationID]
  /// The owned lanes whose server has reached ``memoryLimit`` and is not yet five points below it.
  package var fullLanes: Set<String>
  /// Whether Postgres can't be reached. It can neither record an eviction nor give the session back.
  package var isPostgresAway: Bool

  package init(
    idle: Duration, memoryLimit: Double, owned: [String: InstallationID], fullLanes: Set<String> = [], isPostgresAway: Bool = false
  ) {
    self.idle = idle
    self.memoryLimit = memoryLimit
    self.owned = owned
    self.fullLanes = fullLanes
    self.isPostgresAway = isPostgresAway
  }

  /// Whether a server of this worker's lanes is full.
  var isMemoryShort: Bool { !fullLanes.isEmpty }
  /// The shortest time without use after which a session leaves a full server.
  var shortestIdle: Duration { min(idle, EvictionPlan.shortestIdle) }
}
