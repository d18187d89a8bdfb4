import Foundation
import Synchronization
import TidemarkServers

/// One sentinel on a loopback port, which watches a Redis and its replicas.
final class RedisSentinel: Sendable {
  private struct State {
    var port = 0
    var folder = ""
    var process: SupervisedProcess?
  }

  private let state = Mutex(State())

  var port: Int { state.withLock { $0.port } }
  var pid: Int32? { state.withLock { $0.process?.isRunning == true ? $0.process?.pid : nil } }

  /// Starts it and returns once it answers. `settings` are lines of its configuration file, behind those of its port.
  func start(settings: [String]) async throws {
    let program = try Program.find(["redis-server", "valkey-server"], package: "redis-server")
    let client = try RedisServer.client
    let user = try ServerUser.forRedis()
    let folder = try PrivateFolder.make(await ScratchSpace.current().newPath("sentinel"), for: user)
    state.withLock { $0.folder = folder }
    let (log, socket, file) = ("\(folder)/sentinel.log", "\(folder)/sentinel.sock", "\(folder)/sentinel.conf")
    let (port, process) = try await ServerStart.run("Sentinel", port: nil, logPath: log, giveUpSignal: SIGKILL) { port in
      // A file of its own: it writes into it what it learns.
      let lines = ["port \(port)", "bind 127.0.0.1", "dir \(folder)", "unixsocket \(socket)", "sentinel announce-port \(port)"] + settings
      try await PrivateFile.write(lines.joined(separator: "\n") + "\n", to: file, as: user)
      var command = SupervisedProcess.Command(
        executable: program.path, arguments: [file, "--sentinel"], standardOutput: log, standardError: log)
      command.user = user
      command.signalOnOrphan = "KILL"
      return command
    } isReady: { _ in
      try await client.run(["-s", socket, "ping"]).standardOutput.hasPrefix("PONG")
    }
    state.withLock {
      $0.port = port
      $0.process = process
    }
  }

  /// Runs a command; lines as redis-cli prints them into a pipe.
  func command(_ arguments: String...) async throws -> [String] {
    let socket = state.withLock { "\($0.folder)/sentinel.sock" }
    return try await RedisServer.client.output(["-e", "-s", socket] + arguments).split(separator: "\n").map(String.init)
  }

  func close() async {
    let (folder, process) = state.withLock { ($0.folder, $0.process) }
    await process?.stop(SIGKILL)
    if !folder.isEmpty, let space = try? await ScratchSpace.current() { await space.remove(folder) }
  }
}
