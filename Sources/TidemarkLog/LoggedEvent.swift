/// The events that the program logs, each under the name that operators search for. A released name never changes.
///
/// A test makes `ops/logs.md` from the comments of the cases: the first sentence says what happened, the second what the operator does,
/// where there is something to do.
package enum LoggedEvent: String, CaseIterable, Sendable {
  /// The worker has found its servers ready and begins to replicate.
  case workerStarted = "worker.started"
  /// The worker reaches Redis and takes its part of the lanes.
  case workerServing = "worker.serving"
  /// The worker can't reach Redis and leaves its lanes to workers that do. Check the network and Redis as the reason says.
  case workerNotServing = "worker.not_serving"
  /// A signal has begun a graceful shutdown.
  case workerStopping = "worker.stopping"
  /// The worker has ended, and `leases` says whether its lanes are free at once.
  case workerStopped = "worker.stopped"
  /// A second signal has ended the worker without a drain; what was not committed is read again from Redis.
  case workerStoppedAtOnce = "worker.stopped_at_once"
  /// Lines before this one could not be written to standard error. Look for a full disk or a closed pipe.
  case logLost = "log.lost"
  /// The HTTP server listens at this URL.
  case httpListening = "http.listening"

  /// The configuration uses a setting that is reserved and has no effect. Remove it.
  case configurationReserved = "configuration.reserved"
  /// A reload has applied the settings that can change while the worker runs.
  case configurationReloaded = "configuration.reloaded"
  /// A reload has changed settings that only a restart applies. Restart the worker.
  case configurationNeedsRestart = "configuration.needs_restart"
  /// A reload was refused, and the running configuration is kept. Correct the problem and reload again.
  case configurationRefused = "configuration.refused"
  /// An operator changed settings over HTTP, at `/api/tune`. Each worker logs `setting.tuned` once it applies them.
  case tuneReceived = "tune.received"
  /// The worker applies a value that an operator tuned or reset with `tidemark tune`.
  case settingTuned = "setting.tuned"
  /// The worker can't apply a tuned value, for example because its own file makes it impossible. Do what the problem says, or reset the
  /// setting with `tidemark tune --reset`.
  case settingRefused = "setting.refused"

  /// The worker waits at its start for a server that can't be reached. Start the server, or correct its URL.
  case serverWaiting = "server.waiting"
  /// The checks at the start found something that an operator should change. Do what the finding says.
  case serverFinding = "server.finding"

  /// Another migration of the schema is under way, and this one waits for it.
  case migrationWaiting = "Waiting for another migration"
  /// A migration of the schema was applied.
  case migrationApplied = "Migration applied"
  /// Postgres has sent a notice.
  case postgresNotice = "Postgres notice"

  /// Postgres can't be reached, and what was read waits. Check the network and Postgres as the reason says.
  case postgresUnreachable = "postgres.unreachable"
  /// Postgres answers again.
  case postgresReachable = "postgres.reachable"
  /// Postgres is another server, or another timeline, than before. Check that the failover or the restore was intended.
  case postgresChanged = "postgres.changed"
  /// Postgres has less of lanes than was committed, and what Redis still has is committed again. Find out why commits were lost.
  case postgresRewound = "postgres.rewound"
  /// The lanes can't be compared with the ledger, and nothing is trimmed meanwhile. Do what the reason and the hint say.
  case ledgerWaiting = "ledger.waiting"
  /// The lanes are compared with the ledger again.
  case ledgerCurrent = "ledger.current"
  /// Postgres is older than the durable mark that agents were told of a lane. Find out whether an old backup was restored.
  case ledgerBehind = "ledger.behind"

  /// A server's lanes can't be read. Where the level is error, change what the reason says; else check the network and Redis.
  case redisUnreadable = "redis.unreadable"
  /// The lanes of a server are read again.
  case redisReadable = "redis.readable"
  /// A lane has moved to another server, which the worker follows.
  case redisMoved = "redis.moved"
  /// The server closes connections instead of answering, so less is read at once. Raise its client-output-buffer-limit.
  case redisReplyLimit = "redis.reply_limit"
  /// The lanes are placed anew, because a slot has moved or a replica has become the master.
  case redisRearranged = "redis.rearranged"
  /// The worker can't learn at which servers the lanes are. Check the Cluster or the Sentinels as the reason says.
  case redisArrangementUnknown = "redis.arrangement.unknown"
  /// The servers of the lanes are known again.
  case redisArrangementKnown = "redis.arrangement.known"
  /// Notifications of changes can't be heard, and a sweep finds changes within about a second. Grant the right that the reason names.
  case doorbellUnheard = "doorbell.unheard"
  /// Notifications of changes are heard again.
  case doorbellHeard = "doorbell.heard"

  /// Redis and the ledger belong together again, and lanes are served.
  case installationConfirmed = "installation.confirmed"
  /// Redis and the ledger don't belong together, and all lanes are released. Do what the hint says.
  case installationRefused = "installation.refused"
  /// It can't be compared whether Redis and the ledger belong together. Do what the reason and the hint say.
  case installationUnconfirmed = "installation.unconfirmed"
  /// Redis and the ledger are compared again.
  case installationCurrent = "installation.current"
  /// The function library was installed on servers that lacked it.
  case functionsInstalled = "functions.installed"
  /// The function library can't be installed, and agents can't call it. Do what the reason and the hint say.
  case functionsMissing = "functions.missing"
  /// The function library is installed everywhere again.
  case functionsCurrent = "functions.current"

  /// The worker holds another number of shards than before.
  case leasesChanged = "leases.changed"
  /// The leases can't be renewed or balanced. Do what the reason and the hint say.
  case leasesWaiting = "leases.waiting"
  /// The leases are renewed again.
  case leasesCurrent = "leases.current"
  /// Other workers' notifications of leases can't be heard, and shards change hands more slowly. Do what the reason and the hint say.
  case leasesUnheard = "leases.unheard"
  /// Notifications of leases are heard again.
  case leasesHeard = "leases.heard"
  /// The leases could not be given back at the end, so other workers wait until they expire.
  case leasesKept = "leases.kept"

  /// An item of `lanes` takes effect, with the streams that were found for it.
  case lanesInEffect = "lanes.in_effect"
  /// Agents were told of lanes that the ledger does not have. Find out whether an old backup was restored.
  case lanesForgotten = "lanes.forgotten"
  /// The worker serves these lanes from now on.
  case lanesOwned = "lanes.owned"
  /// Lanes have no stream any more and are not served until they have one.
  case lanesGone = "lanes.gone"
  /// Rows of lanes named another owner although this worker has their leases, and were corrected.
  case lanesReclaimed = "lanes.reclaimed"
  /// Lanes that the worker has leases for can't be found or served. Do what the reason and the hint say.
  case ownershipWaiting = "ownership.waiting"
  /// Lanes are found and served again.
  case ownershipCurrent = "ownership.current"

  /// A lane stops until its backoff is over or an operator acts. Do what the hint says, then run `tidemark lanes retry`.
  case laneHalted = "lane.halted"
  /// A lane that was halted or paused is served again.
  case laneResumed = "lane.resumed"
  /// A lane is paused, as an operator has asked for.
  case lanePaused = "lane.paused"
  /// Redis refuses a request about a lane. Correct the key or the right that the reason names.
  case laneRefused = "lane.refused"
  /// Redis does not refuse the request about the lane any more.
  case laneAccepted = "lane.accepted"
  /// Another worker owns the lane, and the transaction of this one was refused.
  case laneFenced = "lane.fenced"
  /// Entries of a lane were lost before they were read, which is recorded in `gaps`. Find out what removed them, and run
  /// `tidemark lanes ack`.
  case laneGap = "lane.gap"
  /// A lane's stream turned out to be another one while it was read, and the lane is closed.
  case laneReplaced = "lane.replaced"
  /// A lane's stream is another one, and the policy of `rewind` is applied. Find out what flushed, deleted or replaced the stream.
  case laneReplacement = "lane.replacement"
  /// Redis refused to raise the lowest id of a new stream. Grant XSETID to the worker's user.
  case laneMinimumID = "lane.minimum_id"

  /// A batch was not committed and is tried again. Do what the reason and the hint say.
  case commitRetry = "commit.retry"
  /// Batches of the lane are committed again.
  case commitResumed = "commit.resumed"
  /// A batch that fails as a whole is committed in pieces. Where the reason is a limit of Postgres, raise it.
  case batchBisected = "batch.bisected"
  /// An entry became a dead letter.
  case entryRejected = "entry.rejected"
  /// An entry that Postgres refuses by itself became a dead letter. See `tidemark dead-letters show`.
  case entryDeadLettered = "entry.dead_lettered"
  /// So many entries became dead letters since the last line of this kind. See `tidemark dead-letters list`.
  case deadLettersAdded = "dead_letters.added"

  /// Durable marks can't be published, and agents wait. Do what the reason says.
  case marksWaiting = "marks.waiting"
  /// Durable marks are published again.
  case marksCurrent = "marks.current"
  /// Durable marks could not be published at the end, so the next owner of the lanes publishes them.
  case marksUnpublished = "marks.unpublished"
  /// Redis has the mark of a later incarnation than the ledger's. Find out whether an old backup was restored.
  case markRefused = "mark.refused"

  /// The states of lanes can't be recorded in the ledger. Do what the reason and the hint say.
  case statesWaiting = "states.waiting"
  /// The states of lanes are recorded again.
  case statesCurrent = "states.current"
  /// Checkpoints can't be written. Do what the reason and the hint say.
  case checkpointWaiting = "checkpoint.waiting"
  /// Checkpoints are written again.
  case checkpointCurrent = "checkpoint.current"
  /// The cursors can't be mirrored in the consumer groups. Do what the reason says.
  case groupsWaiting = "groups.waiting"
  /// The cursors are mirrored again.
  case groupsCurrent = "groups.current"
  /// The requests of operators to pause or retry lanes can't be read. Do what the reason and the hint say.
  case controlsWaiting = "controls.waiting"
  /// The requests of operators are read again.
  case controlsCurrent = "controls.current"

  /// Durable entries can't be trimmed from Redis. Do what the reason says.
  case trimWaiting = "trim.waiting"
  /// Durable entries are trimmed again.
  case trimCurrent = "trim.current"
  /// Old rows can't be removed from a table. Do what the reason and the hint say.
  case retentionWaiting = "retention.waiting"
  /// Old rows of the table are removed again.
  case retentionCurrent = "retention.current"
  /// Rows that need not be kept were removed from a table.
  case retentionRemoved = "retention.removed"
  /// Snapshots of changed sessions can't be taken. Do what the reason and the hint say.
  case snapshotsWaiting = "snapshots.waiting"
  /// Snapshots are taken again.
  case snapshotsCurrent = "snapshots.current"
  /// The snapshot of one session fails and is tried again later. Do what the reason says.
  case snapshotFailed = "snapshot.failed"
  /// So many differences between Redis and Postgres were found since the last line of this kind, and are recorded in `divergences`. Find out
  /// who wrote to Postgres or deleted from Redis, and see `tidemark reconcile`.
  case divergencesFound = "divergences.found"
  /// What Postgres lacked was applied again from Redis.
  case divergencesRepaired = "divergences.repaired"
  /// Redis can't be compared with Postgres. Do what the reason and the hint say.
  case reconciliationWaiting = "reconciliation.waiting"
  /// Redis is compared with Postgres again.
  case reconciliationCurrent = "reconciliation.current"

  /// Committed changes can't be sealed. Do what the reason and the hint say.
  case sealsWaiting = "seals.waiting"
  /// Committed changes are sealed again.
  case sealsCurrent = "seals.current"
  /// Changes were removed from Postgres before they were sealed. Find out who did that; `tidemark audit` names the first of them.
  case sealMissing = "seal.missing"
  /// The newest seals can't be written to Redis. Do what the reason says.
  case sealHeadsWaiting = "seal_heads.waiting"
  /// The newest seals are written to Redis again.
  case sealHeadsCurrent = "seal_heads.current"
  /// Redis holds a seal that the chain in Postgres does not contain. Find out whether Postgres was restored from a backup, and run `tidemark audit`.
  case sealContradicted = "seal.contradicted"
  /// The chain in Postgres contains the seal that Redis holds again.
  case sealConfirmed = "seal.confirmed"

  /// The requests of agents can't be served. Do what the reason and the hint say.
  case requestsWaiting = "requests.waiting"
  /// The requests of agents are served again.
  case requestsCurrent = "requests.current"
  /// A request in a lane's stream of requests is not valid and was removed. Correct the agent that wrote it.
  case requestInvalid = "request.invalid"
  /// A session can't be restored as an agent has asked for.
  case restoreRefused = "restore.refused"
  /// A session can't be forked as an agent has asked for.
  case forkRefused = "fork.refused"
  /// Idle sessions can't be removed from Redis. Do what the reason and the hint say.
  case evictionsWaiting = "evictions.waiting"
  /// Idle sessions are removed again.
  case evictionsCurrent = "evictions.current"
}
