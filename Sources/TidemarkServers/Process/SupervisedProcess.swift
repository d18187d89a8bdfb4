import Foundation
import Subprocess
import Synchronization

/// A long-running child that ends when this process ends, by whatever means.
///
/// It is started through `Supervisor.server` in a session of its own, so that a Ctrl-C meant for us does not reach it.
package final class SupervisedProcess: Sendable {
  /// What to start, and how to end it when we die.
  package struct Command: Sendable {
    package var executable: String
    package var arguments: [String]
    /// Changes against what the child sees of our environment; nil removes.
    package var environment: [String: String?]
    /// Whether the child sees all of our environment, secrets among it: for Tidemark itself, never for a server.
    package var inheritsEnvironment = false
    package var workingDirectory: String = "/"
    /// The user to run as; nil is ours.
    package var user: ServerUser?
    /// Files that get what it prints; appended to.
    package var standardOutput: String
    package var standardError: String
    /// The signal that the supervisor sends when we are gone, and the seconds until it sends KILL.
    package var signalOnOrphan = "TERM"
    package var graceOnOrphan = 10

    package init(
      executable: String, arguments: [String], environment: [String: String?] = [:], standardOutput: String, standardError: String
    ) {
      self.executable = executable
      self.arguments = arguments
      self.environment = environment
      self.standardOutput = standardOutput
      self.standardError = standardError
    }
  }

  /// The pid of the command itself, not of its supervisor.
  package let pid: Int32
  private let exit: Task<Int32, Never>
  private let end: EndFlag

  private init(pid: Int32, exit: Task<Int32, Never>, end: EndFlag) {
    self.pid = pid
    self.exit = exit
    self.end = end
  }

  /// Starts `command`; returns once it has a pid.
  package static func launch(_ command: Command) async throws -> SupervisedProcess {
    let arguments =
      ["-c", Supervisor.server, "tidemark-supervisor", command.signalOnOrphan, "\(command.graceOnOrphan)"]
      + [command.standardOutput, command.standardError, command.executable] + command.arguments
    let environment = ChildEnvironment.make(inherits: command.inheritsEnvironment, changes: command.environment)
    return try await launch(arguments: arguments, environment: environment, directory: command.workingDirectory, user: command.user)
  }

  /// Starts the script that removes `folder` once this process is gone.
  static func launch(janitor folder: String) async throws -> SupervisedProcess {
    try await launch(
      arguments: ["-c", Supervisor.janitor, "tidemark-janitor", folder], environment: ChildEnvironment.make(inherits: false, changes: [:]),
      directory: "/", user: nil)
  }

  /// Whether it still runs.
  package var isRunning: Bool { !end.isSet }

  /// Waits for the end; 128 + signal when a signal ended it. Cancelling the waiting task does not cut the wait short.
  @discardableResult
  package func waitForExit() async -> Int32 { await exit.value }

  /// Sends a signal to the command. False when it has ended.
  @discardableResult
  package func signal(_ number: Int32) -> Bool {
    isRunning && Foundation.kill(pid, number) == 0
  }

  /// Sends `number` to the command and to its direct children, the command first: a stopped parent makes no new child.
  package func signalTree(_ number: Int32) {
    guard signal(number) else { return }
    for child in children() { _ = Foundation.kill(child, number) }
  }

  /// The pids of its direct children (Linux only; elsewhere none).
  package func children() -> [Int32] {
    let path = "/proc/\(pid)/task/\(pid)/children"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    return text.split(separator: " ").compactMap { Int32($0) }
  }

  /// Sends `number`, waits up to `grace`, then sends KILL; returns the exit code.
  /// Runs to its end even when the calling task is cancelled: it is what cleans up.
  @discardableResult
  package func stop(_ number: Int32 = SIGTERM, grace: Duration = .seconds(20)) async -> Int32 {
    await Task {
      signalTree(SIGCONT)
      signal(number)
      let deadline = Task {
        try await Task.sleep(for: grace)
        signalTree(SIGKILL)
      }
      let code = await exit.value
      deadline.cancel()
      return code
    }.value
  }

  private static func launch(
    arguments: [String], environment: Environment, directory: String, user: ServerUser?
  ) async throws -> SupervisedProcess {
    var options = PlatformOptions()
    options.createSession = true
    let command = user?.command("/bin/sh", arguments) ?? (program: "/bin/sh", arguments: arguments)
    let configuration = Configuration(
      executable: .path(.init(command.program)), arguments: Arguments(command.arguments), environment: environment,
      workingDirectory: .init(directory), platformOptions: options)

    let (pids, announce) = AsyncThrowingStream<Int32, any Error>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let end = EndFlag()
    // A task of its own, never cancelled: the child's life is this object's, not that of the task that called.
    let exit = Task<Int32, Never> {
      defer { end.set() }
      do {
        let result = try await Subprocess.run(configuration, input: .inputWriter, output: .sequence, error: .discarded) { execution in
          // Until end-of-file, that is until the supervisor ends; our end of its standard input stays open that long.
          for try await line in execution.standardOutput.strings() {
            if let pid = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) { announce.yield(pid) }
          }
        }
        announce.finish()
        switch result.terminationStatus {
        case .exited(let code): return code
        case .signaled(let number): return 128 + number
        }
      } catch {
        announce.finish(throwing: error)
        return 127
      }
    }
    for try await pid in pids {
      return SupervisedProcess(pid: pid, exit: exit, end: end)
    }
    throw ServerError(.startFailed, "the supervisor of a child process ended at once")
  }
}

/// A flag that is set once, readable from anywhere.
private final class EndFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .acquiring) }
  func set() { flag.store(true, ordering: .releasing) }
}
