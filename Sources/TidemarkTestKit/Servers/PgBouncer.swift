import Foundation
package import TidemarkServers

/// A pooler before a Postgres, on a loopback port; ended with this process whatever happens.
package struct PgBouncer: Sendable {
  /// What a backend is kept for.
  package enum Mode: String, Sendable, CaseIterable {
    case session, transaction, statement
  }

  package let port: Int
  private let database: String
  private let process: SupervisedProcess
  private let folder: String

  /// The database behind it, as its owner.
  package var url: String { "postgresql://\(database)@127.0.0.1:\(port)/\(database)" }

  /// Whether the program is on this machine.
  package static var isInstalled: Bool { (try? program) != nil }

  private static var program: Program { get throws { try Program.find(["pgbouncer"], package: "pgbouncer") } }

  /// - Parameters:
  ///   - poolSize: backends at most.
  ///   - settings: more lines of its section `[pgbouncer]`.
  static func start(before server: PostgresServer, mode: Mode, poolSize: Int, settings: [String: String]) async throws -> PgBouncer {
    let program = try Self.program
    let user = try ServerUser.forPostgres()
    let folder = try await ScratchSpace.current().folder("pgbouncer")
    let (file, log) = ("\(folder)/pgbouncer.ini", "\(folder)/pgbouncer.log")
    try user?.own(folder)
    let (port, process) = try await ServerStart.run("PgBouncer", port: nil, logPath: log, giveUpSignal: SIGKILL) { port in
      var all = [
        "listen_addr": "127.0.0.1", "listen_port": "\(port)", "unix_socket_dir": "", "auth_type": "any", "pool_mode": mode.rawValue,
        "default_pool_size": "\(poolSize)", "max_client_conn": "200", "logfile": "",
      ]
      all.merge(settings) { $1 }
      let lines = all.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
      // Without a user in the address a pool belongs to the client's user; auth_type any asks for one here.
      let place = "host=\(server.socketDirectory) port=\(server.port) dbname=\(server.database) user=\(server.database)"
      let text = "[databases]\n\(server.database) = \(place)\n[pgbouncer]\n\(lines.joined(separator: "\n"))\n"
      try text.write(toFile: file, atomically: false, encoding: .utf8)
      chmod(file, 0o644)
      var command = SupervisedProcess.Command(executable: program.path, arguments: [file], standardOutput: log, standardError: log)
      command.workingDirectory = folder
      command.user = user
      command.signalOnOrphan = "KILL"
      return command
    } isReady: { port in
      let url = "postgresql://\(server.database)@127.0.0.1:\(port)/\(server.database)"
      return try await PostgresPrograms.find().psql.run(["-X", "-A", "-t", "-d", url, "-c", "select 1"]).exitCode == 0
    }
    return PgBouncer(port: port, database: server.database, process: process, folder: folder)
  }

  func close() async {
    await process.stop(SIGKILL)
    if let space = try? await ScratchSpace.current() { await space.remove(folder) }
  }
}

/// Runs `body` with a PgBouncer before a server's database; it ends with the body, however that ends.
@discardableResult
package func withPgBouncer<Result>(
  _ mode: PgBouncer.Mode, before server: PostgresServer, poolSize: Int = 30, settings: [String: String] = [:],
  isolation: isolated (any Actor)? = #isolation, _ body: (PgBouncer) async throws -> Result
) async throws -> Result {
  let pooler = try await PgBouncer.start(before: server, mode: mode, poolSize: poolSize, settings: settings)
  do {
    let result = try await body(pooler)
    await pooler.close()
    return result
  } catch {
    await pooler.close()
    throw error
  }
}
