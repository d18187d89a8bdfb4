package import TidemarkServers

/// A primary and a standby that streams from it, asynchronously: what the primary has acknowledged may be missing on the standby.
///
/// Both are servers of one's own, to stop or kill. The standby takes reads from the beginning, writes once it was promoted.
package final class PostgresPair: Sendable {
  package let primary: PostgresServer
  package let standby: PostgresServer

  /// `settings` are for both, of postgresql.conf.
  package init(settings: [String: String] = [:]) {
    let options = PostgresServer.Options.private(settings: settings)
    primary = PostgresServer(options)
    // A standby that lost its stream tries again after this time; 5 s by default.
    let reconnects = ["wal_retrieve_retry_interval": "100ms"].merging(settings) { $1 }
    standby = PostgresServer(
      PostgresInstance(.private(settings: reconnects), standbyOf: primary.instance), database: primary.database, isShared: false)
  }

  /// Of both, as libpq takes it: whichever of them takes writes.
  package var url: String {
    let folders = [primary, standby].map(\.socketDirectory).joined(separator: ",")
    return "postgresql:///\(primary.database)?host=\(folders)&port=\(primary.port),\(standby.port)&user=\(primary.database)"
      + "&target_session_attrs=read-write&connect_timeout=2"
  }

  /// Starts the primary, copies it, starts the copy, and returns once that has all there is.
  package func start() async throws {
    try await primary.start()
    do {
      try await standby.start()
      try await waitUntilCaughtUp()
    } catch {
      await close()
      throw error
    }
  }

  /// Waits until the standby shows all that the primary has written by now.
  package func waitUntilCaughtUp(within limit: Duration = .seconds(60)) async throws {
    let written = try await primary.adminPsql("select pg_current_wal_flush_lsn()")
    try await waitUntil("the standby has replayed the log up to \(written)", within: limit) {
      try await standby.adminPsql("select coalesce(pg_last_wal_replay_lsn() >= '\(written)', false)") == "t"
    }
  }

  /// Cuts the stream: from here on nothing that the primary writes arrives. What has arrived is replayed.
  ///
  /// A failover now loses what the primary acknowledges from here on, as a real one of an asynchronous standby does.
  package func stopStreaming() async throws {
    // Nobody listens there. The old stream is over when neither end knows of it.
    try await connectStandby(to: "host=127.0.0.1 port=1 user=postgres")
    try await waitUntil("the stream to the standby has ended", within: .seconds(60)) {
      let atStandby = try await standby.adminPsql("select count(*) from pg_stat_wal_receiver")
      let atPrimary = try await primary.adminPsql("select count(*) from pg_stat_replication")
      return atStandby == "0" && atPrimary == "0"
    }
  }

  /// Repairs the stream after `stopStreaming`; the standby catches up.
  package func resumeStreaming() async throws {
    try await connectStandby(to: primary.instance.replicationAddress)
  }

  /// The log still arrives but is not replayed: reads of the standby stand still. A promotion replays it all the same.
  package func pauseReplay() async throws {
    try await standby.adminPsql("select pg_wal_replay_pause()")
    try await waitUntil("the replay stands still", within: .seconds(60)) {
      try await standby.adminPsql("select pg_get_wal_replay_pause_state()") == "paused"
    }
  }

  /// The replay goes on after `pauseReplay`.
  package func resumeReplay() async throws {
    try await standby.adminPsql("select pg_wal_replay_resume()")
  }

  /// Makes the standby a primary, on a new timeline, and returns once it takes writes. The old one, where it still runs, knows
  /// nothing of it: stop it first, unless two primaries are what is to be tested.
  package func promote() async throws {
    guard try await standby.adminPsql("select pg_promote(true, 60)") == "t" else {
      throw ServerError(.deadline, "the standby was not promoted within 60 s: \(ServerLog.tail(standby.logPath))")
    }
  }

  /// The primary crashes (an immediate stop) and the standby takes over.
  package func failOver() async throws {
    try await primary.stop(mode: .immediate)
    try await promote()
  }

  /// Stops both for good and removes their folders.
  package func close() async {
    await standby.close()
    await primary.close()
  }

  private func connectStandby(to address: String) async throws {
    try await standby.adminPsql("alter system set primary_conninfo = '\(address)'")
    try await standby.adminPsql("select pg_reload_conf()")
  }
}
