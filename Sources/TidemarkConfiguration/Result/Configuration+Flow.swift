extension Configuration {
  /// The built-in lanes.
  package struct State: Equatable, Sendable {
    package var isEnabled = true
    package var partitions = 16
  }

  /// The limits of one transaction.
  package struct Batch: Equatable, Sendable {
    package var maxEntries = 5000
    package var maxBytes = ByteCount.mebibytes(8)
    package var maxDelay = Duration.zero
  }

  package struct Buffer: Equatable, Sendable {
    package var maxBytes = ByteCount.mebibytes(64)
  }

  package struct Retry: Equatable, Sendable {
    package var base = Duration.milliseconds(50)
    package var cap = Duration.seconds(10)
  }

  package struct DeadLetters: Equatable, Sendable {
    package var haltAfter = 1000
  }

  package struct Dedupe: Equatable, Sendable {
    package var window = Duration.seconds(24 * 3600)
  }

  package struct Lease: Equatable, Sendable {
    package var ttl = Duration.seconds(10)
  }

  package struct Checkpoint: Equatable, Sendable {
    package var interval = Duration.seconds(10)
  }

  package struct Limits: Equatable, Sendable {
    package var maxEntryBytes = ByteCount.mebibytes(32)
    package var maxFields = 10_000
  }

  package struct Text: Equatable, Sendable {
    package var unstorable = UnstorableText.reject
  }

  package enum UnstorableText: String, CaseIterable, Sendable {
    case reject, replace
  }

  package struct Trim: Equatable, Sendable {
    package var isEnabled = true
    package var keep = Duration.seconds(3600)
    package var keepBytes = ByteCount.gibibytes(1)
    package var ignoreGroups: [String] = []
  }

  package struct Pressure: Equatable, Sendable {
    package var slow = Duration.seconds(5)
    package var stop = Duration.seconds(60)
    /// A percentage of Redis' `maxmemory`.
    package var memory = 80
    package var enforce = false
  }

  /// The policy for a lane whose stream was replaced.
  package enum Rewind: String, CaseIterable, Sendable {
    case halt, resume, reseed
  }

  package struct Retention: Equatable, Sendable {
    package var checkpoints = Duration.seconds(30 * 86_400)
    package var snapshotsPerSession = 3
    package var deadLettersResolved = Duration.seconds(90 * 86_400)
    /// Reserved. Nil keeps changes forever.
    package var changes: Duration?
    /// Reserved. Nil keeps messages forever.
    package var messages: Duration?
  }

  /// How much of sessions stays in Redis.
  package struct Hot: Equatable, Sendable {
    package var messages = 200
    /// The idle time after which a session leaves Redis; zero means never.
    package var evictIdleAfter = Duration.zero
  }
}
