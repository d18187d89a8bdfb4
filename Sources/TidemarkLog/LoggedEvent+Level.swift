package import Logging

extension LoggedEvent {
  /// The level at which the event is logged, unless its cause makes it another one.
  package var level: Logger.Level {
    switch self {
    case .postgresNotice, .redisMoved, .entryRejected: .debug
    case .configurationRefused, .postgresChanged, .postgresRewound, .ledgerBehind, .installationRefused, .laneHalted, .laneRefused,
      .laneGap, .laneReplacement, .markRefused, .sealMissing, .sealContradicted, .divergencesFound:
      .error
    case .workerNotServing, .workerStoppedAtOnce, .logLost, .configurationReserved, .configurationNeedsRestart, .settingRefused,
      .serverWaiting, .serverFinding, .postgresUnreachable, .ledgerWaiting, .redisUnreadable, .redisReplyLimit, .redisArrangementUnknown,
      .doorbellUnheard, .installationUnconfirmed, .functionsMissing, .leasesWaiting, .leasesUnheard, .leasesKept, .lanesForgotten,
      .ownershipWaiting, .laneFenced, .laneReplaced, .laneMinimumID, .commitRetry, .batchBisected, .entryDeadLettered,
      .deadLettersAdded, .marksWaiting, .marksUnpublished, .statesWaiting, .checkpointWaiting, .groupsWaiting, .controlsWaiting,
      .trimWaiting, .retentionWaiting, .snapshotsWaiting, .snapshotFailed, .requestsWaiting, .requestInvalid, .restoreRefused,
      .forkRefused, .evictionsWaiting, .sealsWaiting, .sealHeadsWaiting, .reconciliationWaiting:
      .warning
    case .workerStarted, .workerServing, .workerStopping, .workerStopped, .httpListening, .configurationReloaded, .tuneReceived,
      .settingTuned,
      .migrationWaiting,
      .migrationApplied, .postgresReachable, .ledgerCurrent, .redisReadable, .redisRearranged, .redisArrangementKnown, .doorbellHeard,
      .installationConfirmed, .installationCurrent, .functionsInstalled, .functionsCurrent, .leasesChanged, .leasesCurrent,
      .leasesHeard, .lanesInEffect, .lanesOwned, .lanesGone, .lanesReclaimed, .ownershipCurrent, .laneResumed, .lanePaused,
      .laneAccepted, .commitResumed, .marksCurrent, .statesCurrent, .checkpointCurrent, .groupsCurrent, .controlsCurrent, .trimCurrent,
      .retentionCurrent, .retentionRemoved, .snapshotsCurrent, .requestsCurrent, .evictionsCurrent, .sealsCurrent, .sealHeadsCurrent,
      .sealConfirmed, .divergencesRepaired, .reconciliationCurrent:
      .info
    }
  }

  /// The level of the event for one kind of cause; nil where every cause has the same level.
  ///
  /// 1. A problem that only an operator ends is an error; what may end by itself is a warning.
  /// 2. Work that can't be done because a server is away is logged for those who debug only: `postgres.unreachable` and `redis.unreadable`
  ///    report the outage once, not once for each kind of work.
  package var otherLevel: Logger.Level? {
    switch self {
    case .serverFinding, .redisUnreadable: .error
    case .ledgerWaiting, .installationUnconfirmed, .functionsMissing, .leasesWaiting, .leasesUnheard, .marksWaiting, .statesWaiting,
      .checkpointWaiting, .groupsWaiting, .controlsWaiting, .trimWaiting, .retentionWaiting, .snapshotsWaiting, .requestsWaiting,
      .evictionsWaiting, .sealsWaiting, .sealHeadsWaiting, .reconciliationWaiting:
      .debug
    default: nil
    }
  }
}
