package import Logging

/// The facts of logged events.
package typealias LogMetadata = [LogKey: Logger.MetadataValue]

/// The keys of the facts that events are logged with. A released key never changes.
package enum LogKey: String, CaseIterable, Sendable {
  /// Why it happened.
  case reason
  /// What follows from it.
  case effect
  /// What an operator can do about it.
  case hint
  /// The class of what happened, in one word.
  case cause
  /// The worker that logs, in each of its lines.
  case worker
  /// The Redis server, where there are several.
  case server
  /// The addresses of Redis servers.
  case servers

  /// The name of a lane.
  case lane
  /// The number of lanes; in `dead_letters.added` and `divergences.found`, their names, and in events of settings, the pattern of the lanes
  /// that a value is for.
  case lanes
  /// The item of the setting `lanes` that streams belong to.
  case streams
  /// Where an item's streams begin.
  case start
  /// The number of streams that were found.
  case found
  /// The number of entries that are not read, because the lane begins after them.
  case skipped
  /// The first of several lanes by name.
  case first
  /// The number of lanes that the ledger did not know.
  case new
  /// The lanes with the positions that Postgres had and has.
  case `where`
  /// The number of entries.
  case entries
  /// The id of an entry.
  case entry
  /// The number of entries that were lost.
  case missing
  /// The number of entries that were lost at least.
  case atLeast = "at_least"
  /// The entry after which entries are missing.
  case after
  /// The entry before which entries are missing.
  case before
  /// The last id that the stream has given.
  case last
  /// The id that all new entries should follow.
  case floor
  /// The fencing token of the lane's owner.
  case fence
  /// The lane's incarnation in the ledger.
  case incarnation
  /// The incarnation that Redis knows.
  case known
  /// The position that agents were told of.
  case told
  /// The position that the ledger has.
  case ledger
  /// The policy of the setting `rewind`.
  case policy
  /// What the request to Redis was for.
  case purpose

  /// The number of dead letters, or of differences.
  case count
  /// The reasons of dead letters, each with its number.
  case reasons
  /// The kinds of differences, each with its number.
  case kinds
  /// The seconds until the next attempt.
  case waitSeconds = "wait_seconds"
  /// The number of shards that the worker holds.
  case held
  /// The number of shards that changed hands, or the settings that a reload has changed.
  case changed
  /// Whether the leases are free at once.
  case leases
  /// When the leases end.
  case until

  /// The name of a session.
  case session
  /// The table in Postgres.
  case table
  /// The number of rows.
  case rows
  /// How many seconds it took.
  case seconds
  /// The identifier of the Postgres system.
  case system
  /// The timeline of the Postgres server.
  case timeline
  /// The schema in Postgres.
  case postgresSchema = "postgres.schema"
  /// The session that holds the lock of migrations.
  case postgresHolder = "postgres.holder"
  /// The text of a notice.
  case postgresNotice = "postgres.notice"
  /// The SQLSTATE of a notice.
  case postgresSQLState = "postgres.sqlstate"
  /// The number of a migration.
  case migrationVersion = "migration.version"
  /// The name of a migration.
  case migrationName = "migration.name"

  /// The result of a check, with what to do about it.
  case finding
  /// What is reserved.
  case warning
  /// What is wrong with the configuration.
  case problem
  /// The name of a setting.
  case setting
  /// The value that was in force; empty where the lanes had none of their own.
  case from
  /// The value that is in force; empty where the lanes have none of their own any more.
  case to
  /// The operator who made the change.
  case by
  /// The settings that keep their value until a restart.
  case kept
  /// The values that wait for a restart.
  case notInForce = "not_in_force"
  /// The address of the HTTP server.
  case url
  /// The number of lines that were lost.
  case lines
}
