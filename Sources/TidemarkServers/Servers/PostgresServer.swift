import Foundation

/// A private PostgreSQL server with one database of its own, ended with this process whatever happens.
///
/// When we are root it runs as the user `postgres`. Everybody who can reach the socket or the loopback port is trusted.
/// Start, stop, kill, pause and resume are for one caller at a time; everything else may be called from anywhere.
package final class PostgresServer: Sendable {
  /// How to start it.
  package struct Options: Sendable {
    /// Where its files lie; nil is a temporary folder that goes with the server.
    package var directory: String?
    /// Nil: a free one, kept over restarts.
    package var port: Int?
    /// Of postgresql.conf, given on the command line: ALTER SYSTEM does not change them. They win over this type's own.
    package var settings: [String: String]
    /// Whether its data are to last: files are synced when made, and its end is a proper shutdown.
    package var persistent: Bool
    /// Whether it listens on 127.0.0.1, where every local user is trusted, and `url` leads there; else only on a Unix
    /// socket that is closed to other users.
    package var listensOnLoopback: Bool
    /// Whether `withPostgres` may hand out a database of the server that all its callers share.
    package var isShared: Bool

    package init(
      directory: String? = nil, port: Int? = nil, settings: [String: String] = [:], persistent: Bool = false,
      listensOnLoopback: Bool = true
    ) {
      self.directory = directory
      self.port = port
      self.settings = settings
      self.persistent = persistent
      self.listensOnLoopback = listensOnLoopback
      self.isShared = false
    }

    /// A new database in the one server that this process shares: milliseconds instead of a second.
    package static var shared: Options {
      var options = Options.private
      options.isShared = true
      return options
    }

    /// A server of one's own, to stop, kill, freeze or configure. Nothing is synced: killing the server loses nothing by that.
    package static var `private`: Options {
      Options(settings: ["fsync": "off", "full_page_writes": "off"])
    }

    /// The same with settings of one's own.
    package static func `private`(settings: [String: String]) -> Options {
      var options = Options.private
      options.settings.merge(settings) { $1 }
      return options
    }
  }

  /// How it is asked to end.
  package enum StopMode: Sendable {
    /// Waits for all clients to leave.
    case smart
    /// Rolls back what is open.
    case fast
    /// Like a crash of the server: recovery at the next start.
    case immediate
  }

  package let instance: PostgresInstance
  /// The database that `url` and `psql` mean, also the name of the role that owns it.
  package let database: String
  /// Whether other callers have databases in the same server; then it cannot be stopped, killed or frozen.
  package let isShared: Bool

  package convenience init(_ options: Options = .init()) {
    self.init(PostgresInstance(options), database: "tidemark", isShared: false)
  }

  package init(_ instance: PostgresInstance, database: String, isShared: Bool) {
    self.instance = instance
    self.database = database
    self.isShared = isShared
  }

  /// The port; 0 before the first start.
  package var port: Int { instance.port }
  /// The folder of its socket, to be a client's `host`.
  package var socketDirectory: String { instance.socketFolder }
  /// What the server printed.
  package var logPath: String { instance.logPath }
  /// The postmaster's pid while it runs.
  package var pid: Int32? { instance.process?.pid }
  /// The database as its owner, who is no superuser.
  package var url: String { url(database: database, role: database) }
  /// The same database as superuser.
  package var adminURL: String { url(database: database, role: "postgres") }

  /// Starts it and returns once it answers and its database is there. Started again, it keeps its port and folder.
  package func start() async throws {
    try refuseIfShared("start")
    try await instance.start()
    do {
      let known = try await adminPsql("select count(*) from pg_database where datname = '\(database)'", in: "postgres")
      if known == "0" { _ = try await createDatabase(database) }
    } catch {
      await instance.close()
      throw error
    }
  }

  /// Ends it and waits until all of its processes are gone.
  package func stop(mode: StopMode = .fast) async throws {
    try refuseIfShared("stop")
    let signal =
      switch mode {
      case .smart: SIGTERM
      case .fast: SIGINT
      case .immediate: SIGQUIT
      }
    _ = await instance.stop(signal)
  }

  /// Ends the postmaster and its children without warning (SIGKILL) and waits until they are gone.
  package func kill() async throws {
    try refuseIfShared("kill")
    _ = await instance.stop(SIGKILL)
  }

  /// Freezes the postmaster and its children (SIGSTOP): connections stay open, nothing answers.
  package func pause() throws {
    try refuseIfShared("pause")
    instance.process?.signalTree(SIGSTOP)
  }

  /// Lets it go on after `pause`.
  package func resume() throws {
    try refuseIfShared("resume")
    instance.process?.signalTree(SIGCONT)
  }

  /// Stops it for good and removes its folder when that was temporary. A shared server goes with the process.
  package func close() async {
    if isShared {
      // Shielded from cancellation: it is what cleans up.
      await Task { try? await dropDatabase(database) }.value
    } else {
      await instance.close()
    }
  }

  private func refuseIfShared(_ what: String) throws {
    if isShared { throw ServerError(.misuse, "cannot \(what) the Postgres that all tests share: ask for .private") }
  }
}
