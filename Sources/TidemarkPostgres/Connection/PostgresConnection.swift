internal import CLibPQ
package import Logging
import Synchronization

/// One connection to Postgres.
///
/// An actor on a thread of its own: a call blocks that thread and no other, calls follow one another. `init` only starts the thread;
/// ``connect(deadline:)`` connects, and again after the connection was lost. Every call ends about 2 s after its deadline at the
/// latest: the statement is cancelled, and where even that gets no answer the connection is dropped. Cancelling the calling task
/// does the same at once. An answer that came after all is returned as such, for it is the truth.
///
/// All methods throw ``PostgresError``. A lost connection leaves ``isUsable`` false.
package actor PostgresConnection {
  package nonisolated let configuration: PostgresConfiguration
  private let thread: PostgresThread
  private let bell: WakeBell
  private let notices: NoticeSink
  private var wire: PostgresWire?

  private nonisolated let identity = Mutex<BackendIdentity?>(nil)

  /// Which backend serves this connection; nil while there is none. Readable while a call is under way, from anywhere: somebody may
  /// have to end that backend.
  package nonisolated var backend: BackendIdentity? { identity.withLock { $0 } }

  package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// The connection's thread. What runs there waits while a call is under way.
  package nonisolated var taskExecutor: any TaskExecutor { thread }

  /// Throws where the system has no thread or descriptor left.
  package init(configuration: PostgresConfiguration, logger: Logger) throws {
    self.configuration = configuration
    self.thread = try PostgresThread()
    self.bell = try WakeBell()
    self.notices = NoticeSink(logger: logger)
  }

  /// Connects, or connects anew. Prepared statements and session state of the old connection are gone.
  ///
  /// Throws an error of kind `.unsuitable` where the server, or a pooler before it, is not one that Tidemark can work with.
  package func connect(deadline: Duration) async throws {
    close()
    let request = PostgresRequest(deadline: .now + deadline, bell: bell)
    try await withTaskCancellationHandler {
      guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled before connecting") }
      let (wire, backend) = try PostgresConnector.connect(configuration, request: request, bell: bell, notices: notices)
      identity.withLock { $0 = backend }
      self.wire = wire
    } onCancel: {
      request.cancel()
    }
  }

  /// One statement with parameters `$1`, `$2`...
  package func query(_ sql: String, _ parameters: [PostgresValue] = [], deadline: Duration) async throws -> PostgresResult {
    let mayCommit = CommitScan.mayCommit(sql, isIdle: transactionStatus == .idle)
    return try await perform(deadline, mayCommit: mayCommit) { try $0.query(sql, parameters) }
  }

  /// Statements separated by semicolons, without parameters. Returns the result of the last.
  @discardableResult
  package func script(_ sql: String, deadline: Duration) async throws -> PostgresResult? {
    let mayCommit = CommitScan.mayCommit(sql, isIdle: transactionStatus == .idle)
    return try await perform(deadline, mayCommit: mayCommit) { try $0.script(sql).last }
  }

  /// All statements in one round trip, one result each. Outside of a transaction block they are one transaction.
  ///
  /// The first failure is thrown, with ``PostgresError/statementIndex``, after all answers were read; what follows it was not run.
  /// The transaction is then failed: the caller calls ``rollback()``.
  package func pipeline(_ statements: [PostgresStatement], deadline: Duration) async throws -> [PostgresResult] {
    guard !statements.isEmpty else { return [] }
    let mayCommit = CommitScan.mayCommit(statements, isIdle: transactionStatus == .idle)
    return try await perform(deadline, mayCommit: mayCommit) { try $0.pipeline(statements) }
  }

  /// `COPY ... FROM STDIN`; `fill` writes all of its data, in the format that the statement names, on the connection's thread. Returns
  /// the number of rows.
  ///
  /// What the server can't take is thrown with ``PostgresError/context`` and ``PostgresError/copyLine``.
  package func copyIn(
    _ sql: String, deadline: Duration, _ fill: @Sendable (inout CopyStream) throws -> Void
  ) async throws -> Int {
    let mayCommit = transactionStatus == .idle
    return try await perform(deadline, mayCommit: mayCommit) { try $0.copyIn(sql, fill) }
  }

  /// `COPY ... TO STDOUT`: all of its data, in the format that the statement names.
  package func copyOut(_ sql: String, deadline: Duration) async throws -> [UInt8] {
    try await perform(deadline, mayCommit: false) { try $0.copyOut(sql) }
  }

  /// Waits until the server notifies of something that this session listens to, or did since the last call. False when nothing came within
  /// `time`. Nothing else can be asked meanwhile; cancelling ends the wait and spares the connection.
  package func isNotified(within time: Duration) async throws -> Bool {
    try await perform(time, mayCommit: false) { try $0.awaitNotification() }
  }

  /// Ends an open transaction, also in a cancelled task. Never throws: a connection that can't roll back is dropped, and its server
  /// rolls back.
  package func rollback() async {
    guard let wire else { return }
    guard wire.isAlive else { return close() }
    guard transactionStatus != .idle else { return }
    let request = PostgresRequest(deadline: .now + .seconds(5), bell: bell)
    wire.begin(request)
    do {
      _ = try wire.script("rollback")
    } catch {
      wire.isBroken = true
    }
    wire.end()
    if !wire.isAlive { close() }
  }

  /// Drops the connection; an open transaction is rolled back by the server. ``connect(deadline:)`` makes a new one.
  package func close() {
    wire = nil
    identity.withLock { $0 = nil }
  }

  /// Whether a call has a chance. Looks at the socket, so a server that went away while nothing was asked is noticed.
  package var isUsable: Bool {
    guard let wire else { return false }
    if !wire.probe() { close() }
    return self.wire != nil
  }

  package var transactionStatus: TransactionStatus {
    guard let wire else { return .unknown }
    switch wire.transaction {
    case PQTRANS_IDLE: return .idle
    case PQTRANS_INTRANS: return .open
    case PQTRANS_INERROR: return .failed
    case PQTRANS_ACTIVE: return .active
    default: return .unknown
    }
  }

  /// As `server_version_num`: 150020 for 15.20. 0 while there is no connection.
  package var serverVersion: Int { wire?.serverVersion ?? 0 }

  // MARK: Frame of a call

  private func perform<T: Sendable>(
    _ deadline: Duration, mayCommit: Bool, _ body: (PostgresWire) throws -> T
  ) async throws -> T {
    guard let wire else { throw PostgresError(.connection, "not connected") }
    let request = PostgresRequest(deadline: .now + deadline, bell: bell)
    return try await withTaskCancellationHandler {
      guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled before it was sent") }
      return try run(body, on: wire, request, mayCommit: mayCommit)
    } onCancel: {
      request.cancel()
    }
  }

  private func run<T>(
    _ body: (PostgresWire) throws -> T, on wire: PostgresWire, _ request: PostgresRequest, mayCommit: Bool
  ) throws -> T {
    wire.begin(request)
    defer { if !wire.isAlive { close() } }
    do {
      defer { wire.end() }
      return try body(wire)
    } catch var error as PostgresError {
      if !wire.isAlive {
        error.outcomeUnknown = mayCommit
      } else if error.sqlstate == "57014", let interruption = wire.interruption {
        // The server cancelled because we asked it to.
        error.kind = interruption.kind
      } else if error.sqlstate == "26000" {
        // What we prepared is not there: somebody reset the session, or another backend answers. Nothing of it can be relied on.
        wire.isBroken = true
      }
      // transaction_resolution_unknown, statement_completion_unknown
      if ["08007", "40003"].contains(error.sqlstate) { error.outcomeUnknown = mayCommit }
      throw error
    }
  }
}

/// A backend process: its pid alone comes back after a while.
package struct BackendIdentity: Sendable, Hashable {
  package var pid: Int32
  /// `pg_stat_activity.backend_start`, as text in UTC.
  package var startedAt: String

  package init(pid: Int32, startedAt: String) {
    self.pid = pid
    self.startedAt = startedAt
  }
}

/// Where a connection stands between two calls.
package enum TransactionStatus: Sendable, Equatable {
  case idle
  /// Inside a transaction block.
  case open
  /// Inside one that can only be rolled back.
  case failed
  /// Within a call.
  case active
  /// No connection.
  case unknown
}
