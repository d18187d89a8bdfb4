import Foundation
import Synchronization

/// A running PostgreSQL with its folder, below what `PostgresServer` shows: start, end, signals.
package final class PostgresInstance: Sendable {
  private struct State {
    var port = 0
    var folder = ""
    var socketFolder = ""
    var process: SupervisedProcess?
  }

  let options: PostgresServer.Options
  /// The server that this one is a standby of. It must run when this one starts for the first time.
  private let primary: PostgresInstance?
  private let state = Mutex(State())
  private let databases = Atomic<Int>(1)

  package init(_ options: PostgresServer.Options, standbyOf primary: PostgresInstance? = nil) {
    self.options = options
    self.primary = primary
  }

  var port: Int { state.withLock { $0.port } }
  /// Holds `data` and the log.
  var folder: String { state.withLock { $0.folder } }
  var socketFolder: String { state.withLock { $0.socketFolder } }
  var logPath: String { "\(folder)/postgres.log" }
  package var dataFolder: String { "\(folder)/data" }
  package var copyFolder: String { "\(folder)/copy" }
  var process: SupervisedProcess? { state.withLock { $0.process?.isRunning == true ? $0.process : nil } }

  /// Where a standby finds this server, as libpq's key words. By the socket: that is there without a loopback port, too.
  package var replicationAddress: String { "host=\(socketFolder) port=\(port) user=postgres" }

  /// A name for a database that no other call gets.
  package func nextDatabase() -> String { "tidemark_\(databases.wrappingAdd(1, ordering: .relaxed).oldValue)" }

  package func start() async throws {
    guard process == nil else { throw ServerError(.misuse, "this Postgres runs already") }
    let programs = try PostgresPrograms.find()
    let user = try ServerUser.forPostgres()
    if folder.isEmpty { try await makeFolders(user: user) }
    let fixedPort = port != 0 ? port : options.port
    let (port, process) = try await ServerStart.run("Postgres", port: fixedPort, logPath: logPath, giveUpSignal: SIGQUIT) { port in
      command(programs, port: port, user: user)
    } isReady: { port in
      try await isReady(programs, port: port)
    }
    state.withLock {
      $0.port = port
      $0.process = process
    }
  }

  /// Ends it and waits until its children, too, are gone: a new postmaster refuses to start beside old backends.
  func stop(_ signal: Int32) async -> Int32? {
    guard let process = state.withLock({ $0.process }) else { return nil }
    let children = process.children()
    if signal == SIGKILL { process.signalTree(SIGKILL) }
    let code = await process.stop(signal, grace: .seconds(60))
    // Shielded from cancellation like the stop itself. Zombies of a crashed postmaster go to init, hence the state.
    await Task {
      try? await waitUntil("the backends of Postgres are gone", within: .seconds(20)) {
        !children.contains { pid in isAlive(pid) }
      }
    }.value
    return code
  }

  func close() async {
    _ = await stop(options.persistent ? SIGINT : SIGQUIT)
    guard let space = try? await ScratchSpace.current() else { return }
    for folder in Set([folder, socketFolder]) where !folder.isEmpty { await space.remove(folder) }
  }

  /// Runs `sql` as one psql script, stopping at the first error; returns unaligned rows without headers.
  package func psql(_ sql: String, url: String) async throws -> String {
    try await PostgresPrograms.find().psql.output(
      ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"], input: sql)
  }

  private func isAlive(_ pid: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return text.split(separator: ")").last?.first { !$0.isWhitespace } != "Z"
  }

  private func isReady(_ programs: PostgresPrograms, port: Int) async throws -> Bool {
    // The socket too: a stranger's server could sit on our TCP port.
    let answer = try await programs.psql.run(
      ["-X", "-A", "-t", "-h", socketFolder, "-p", "\(port)", "-U", "postgres", "-d", "postgres", "-c", "select 1"])
    return answer.exitCode == 0
  }

  /// Whatever lies in the server's folder is made by its user: root does nothing there.
  private func makeFolders(user: ServerUser?) async throws {
    let space = try await ScratchSpace.current()
    let folder = try PrivateFolder.make(options.directory ?? space.newPath("postgres"), for: user)
    let data = "\(folder)/data"
    try await user?.requireReach(folder, server: "Postgres")
    if !FileManager.default.fileExists(atPath: "\(data)/PG_VERSION") {
      try await Program.find(["rm"], package: "coreutils").output(["-rf", "--", data], user: user)
      if let primary {
        try await copy(primary, to: data, user: user)
      } else if options.persistent {
        try await PostgresTemplate.initialize(data, user: user, isSynced: true)
      } else {
        try await PostgresTemplate.fill(data, user: user)
      }
    }
    // A Unix socket's path is at most 107 bytes; its name takes 17.
    let socketFolder = folder.utf8.count < 88 ? folder : try PrivateFolder.make(space.newPath("socket"), for: user)
    state.withLock {
      $0.folder = folder
      $0.socketFolder = socketFolder
    }
  }

  /// Makes `data` what a standby of `primary` starts from.
  private func copy(_ primary: PostgresInstance, to data: String, user: ServerUser?) async throws {
    try await PostgresPrograms.find().basebackup.output(
      ["-D", data, "-d", primary.replicationAddress, "-R", "-X", "stream", "-c", "fast"] + (options.persistent ? [] : ["--no-sync"]),
      user: user)
  }

  private func command(_ programs: PostgresPrograms, port: Int, user: ServerUser?) -> SupervisedProcess.Command {
    // One server serves all tests of a run; without a bound on their number they hold some 300 connections at once.
    var settings = [
      "port": "\(port)", "listen_addresses": options.listensOnLoopback ? "127.0.0.1" : "", "unix_socket_directories": socketFolder,
      "unix_socket_permissions": "0700", "max_connections": "500", "logging_collector": "off", "log_destination": "stderr",
    ]
    settings.merge(options.settings) { $1 }
    // On the command line, not in a file of the data folder: that belongs to the server's user, who could let it lead elsewhere.
    let arguments = settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
    var command = SupervisedProcess.Command(
      executable: programs.postgres.path, arguments: ["-D", dataFolder] + arguments, standardOutput: logPath, standardError: logPath)
    command.user = user
    // Fast where the data stays, immediate where nobody will want it.
    command.signalOnOrphan = options.persistent ? "INT" : "QUIT"
    return command
  }
}
