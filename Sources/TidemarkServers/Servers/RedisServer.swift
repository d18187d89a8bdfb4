import Foundation
import Synchronization

/// A private Redis (or Valkey) server on a loopback port and a Unix socket, ended with this process whatever happens.
///
/// When we are root it runs as the system's user for Redis. Without a password everybody who can reach the loopback port is trusted.
/// Start, stop, kill, pause and resume are for one caller at a time; everything else may be called from anywhere.
package final class RedisServer: Sendable {
  /// How to start it.
  package struct Options: Sendable {
    /// More arguments of `redis-server`; they win over this type's own.
    package var arguments: [String]
    /// Where its files lie; nil is a temporary folder that goes with the server.
    package var directory: String?
    /// Nil: a free one, kept over restarts.
    package var port: Int?
    /// Whether an append-only file keeps the data over a restart. Stop and start lose everything without it.
    package var persistence: Bool
    /// What clients have to send first: letters and digits. It is written into a file that only the server's user can read.
    package var password: String?

    package init(
      arguments: [String] = [], directory: String? = nil, port: Int? = nil, persistence: Bool = false, password: String? = nil
    ) {
      self.arguments = arguments
      self.directory = directory
      self.port = port
      self.persistence = persistence
      self.password = password
    }
  }

  private struct State {
    var port = 0
    var directory = ""
    var process: SupervisedProcess?
  }

  private let options: Options
  private let state = Mutex(State())

  package init(_ options: Options = .init()) {
    self.options = options
  }

  /// The port; 0 before the first start.
  package var port: Int { state.withLock { $0.port } }
  /// What clients have to send first, where there is a password.
  package var password: String? { options.password }
  /// The folder of its files; empty before the first start.
  package var directory: String { state.withLock { $0.directory } }
  /// The server's pid while it runs.
  package var pid: Int32? { state.withLock { $0.process?.isRunning == true ? $0.process?.pid : nil } }
  /// With the password, where there is one.
  package var url: String { "redis://\(options.password.map { ":\($0)@" } ?? "")127.0.0.1:\(port)/0" }
  package var socketURL: String { "unix://\(socketPath)" }
  package var socketPath: String { "\(directory)/redis.sock" }
  /// What the server printed.
  package var logPath: String { "\(directory)/redis.log" }

  /// Starts it and returns once it answers. Started again after `stop` or `kill`, it keeps its port and folder.
  package func start() async throws {
    guard pid == nil else { throw ServerError(.misuse, "this Redis runs already") }
    let program = try Program.find(["redis-server", "valkey-server"], package: "redis-server")
    let user = try ServerUser.forRedis()
    if directory.isEmpty {
      let folder = try await makeFolder(user: user)
      state.withLock { $0.directory = folder }
    }
    let fixedPort = port != 0 ? port : options.port
    let (port, process) = try await ServerStart.run("Redis", port: fixedPort, logPath: logPath, giveUpSignal: SIGKILL) { port in
      command(program, port: port, user: user)
    } isReady: { _ in
      try await Self.client.run(["-s", socketPath], input: "\(login)PING\n").standardOutput.hasSuffix("PONG\n")
    }
    state.withLock {
      $0.port = port
      $0.process = process
    }
  }

  /// Ends it and waits; with the default signal it saves what it is configured to save. Returns its exit code.
  @discardableResult
  package func stop(_ signal: Int32 = SIGTERM) async -> Int32? {
    guard let process = state.withLock({ $0.process }) else { return nil }
    return await process.stop(signal)
  }

  /// Ends it without warning (SIGKILL) and waits until it is gone.
  package func kill() async {
    await stop(SIGKILL)
  }

  /// Freezes it (SIGSTOP): connections stay open, nothing answers.
  package func pause() {
    state.withLock { $0.process }?.signalTree(SIGSTOP)
  }

  /// Lets it go on after `pause`.
  package func resume() {
    state.withLock { $0.process }?.signalTree(SIGCONT)
  }

  /// Runs a command and returns the answer as redis-cli prints it into a pipe; throws when the answer is an error, as it always is where
  /// there is a password.
  @discardableResult
  package func command(_ arguments: String...) async throws -> String {
    try await command(arguments)
  }

  /// The same with a list of arguments.
  @discardableResult
  package func command(_ arguments: [String]) async throws -> String {
    try await Self.client.output(["-e", "-s", socketPath] + arguments)
  }

  /// Runs a command with `last`, which may hold any text, as its last argument (redis-cli -x).
  @discardableResult
  package func command(_ arguments: String..., last: String) async throws -> String {
    try await Self.client.output(["-e", "-s", socketPath, "-x"] + arguments, input: last)
  }

  /// Runs commands, one a line, in one redis-cli; returns all answers. An error among them does not end it.
  @discardableResult
  package func commands(_ lines: String) async throws -> String {
    let answers = try await Self.client.output(["-s", socketPath], input: login + lines)
    return login.isEmpty ? answers : String(answers.drop { $0 != "\n" }.dropFirst())
  }

  /// Stops it for good and removes its folder when that was temporary.
  package func close() async {
    if options.persistence, options.directory != nil { await stop() } else { await kill() }
    let folder = directory
    guard options.directory == nil, !folder.isEmpty, let space = try? await ScratchSpace.current() else { return }
    await space.remove(folder)
  }

  /// What redis-cli reads first. Through its standard input: others may read its command line.
  private var login: String { options.password.map { "AUTH \($0)\n" } ?? "" }

  package static var client: Program {
    get throws { try Program.find(["redis-cli", "valkey-cli"], package: "redis-tools") }
  }

  private func makeFolder(user: ServerUser?) async throws -> String {
    let space = try await ScratchSpace.current()
    let folder = try PrivateFolder.make(options.directory ?? space.newPath("redis"), for: user)
    try await user?.requireReach(folder, server: "Redis")
    if let password = options.password {
      try await PrivateFile.write("requirepass \(password)\n", to: Self.settingsFile(in: folder), as: user)
    }
    return folder
  }

  private static func settingsFile(in folder: String) -> String { "\(folder)/redis.conf" }

  private func command(_ program: Program, port: Int, user: ServerUser?) -> SupervisedProcess.Command {
    var arguments = options.password == nil ? [] : [Self.settingsFile(in: directory)]
    arguments += [
      "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", socketPath, "--unixsocketperm", "700", "--dir", directory,
      "--daemonize", "no", "--save", "", "--appendonly", options.persistence ? "yes" : "no",
    ]
    arguments += options.arguments
    var command = SupervisedProcess.Command(
      executable: program.path, arguments: arguments, standardOutput: logPath, standardError: logPath)
    command.user = user
    command.signalOnOrphan = options.directory == nil ? "KILL" : "TERM"
    return command
  }
}
