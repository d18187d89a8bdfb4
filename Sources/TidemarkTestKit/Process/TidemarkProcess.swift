import Foundation
import TidemarkServers

/// The built `tidemark` executable, run as a user would run it.
package final class TidemarkProcess: Sendable {
  private let child: SupervisedProcess
  private let folder: String

  private init(child: SupervisedProcess, folder: String) {
    self.child = child
    self.folder = folder
  }

  /// What one run left behind.
  package struct Outcome: Sendable {
    /// 128 + signal when a signal ended it.
    package let exitCode: Int32
    package let standardOutput: String
    package let standardError: String
  }

  /// The executable: `TIDEMARK_BINARY` if set, else the one built with the tests, else what `swift build` left below here.
  package static func binary() throws -> String {
    if let path = ProcessInfo.processInfo.environment["TIDEMARK_BINARY"] { return path }
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments.first ?? ""
    let here = FileManager.default.currentDirectoryPath
    var candidates = ["\(folder(of: own))/tidemark", "\(folder(of: folder(of: own)))/tidemark"]
    candidates += ["debug", "release"].map { "\(here)/.build/\($0)/tidemark" }
    if let found = candidates.first(where: { isProgram($0) }) { return found }
    throw ServerError(.programMissing, "the tidemark executable is not built: run `swift build --product tidemark`")
  }

  /// Starts it. `environment` changes ours, nil removes; variables of ours that begin with TIDEMARK_ are not passed on.
  /// `path` is another executable than `binary()`.
  package static func start(
    _ arguments: [String], environment: [String: String?] = [:], workingDirectory: String? = nil, path: String? = nil
  ) async throws -> TidemarkProcess {
    let folder = try await ScratchSpace.current().folder("process")
    let inherited = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("TIDEMARK_") }
    let base: [String: String?] = Dictionary(uniqueKeysWithValues: inherited.map { ($0, nil) })
    var command = SupervisedProcess.Command(
      executable: try path ?? binary(), arguments: arguments, environment: base.merging(environment) { $1 },
      standardOutput: "\(folder)/stdout", standardError: "\(folder)/stderr")
    command.inheritsEnvironment = true
    command.workingDirectory = workingDirectory ?? folder
    command.signalOnOrphan = "KILL"
    return TidemarkProcess(child: try await SupervisedProcess.launch(command), folder: folder)
  }

  /// Runs it to its end; KILL when it takes longer than `limit` or the calling task is cancelled.
  package static func run(
    _ arguments: [String], environment: [String: String?] = [:], workingDirectory: String? = nil, path: String? = nil,
    within limit: Duration = .seconds(120)
  ) async throws -> Outcome {
    let process = try await start(arguments, environment: environment, workingDirectory: workingDirectory, path: path)
    let code: Int32
    do {
      code = try await process.waitForExit(within: limit)
    } catch {
      await process.kill()
      throw error
    }
    return Outcome(exitCode: code, standardOutput: process.standardOutput, standardError: process.standardError)
  }

  package var pid: Int32 { child.pid }
  package var isRunning: Bool { child.isRunning }
  /// What it has printed so far.
  package var standardOutput: String { text("stdout") }
  package var standardError: String { text("stderr") }

  @discardableResult
  package func signal(_ number: Int32) -> Bool { child.signal(number) }

  /// Ends it without warning (SIGKILL) and waits until it is gone.
  package func kill() async { await child.stop(SIGKILL) }

  /// Waits for its end. Throws with its last words when that takes longer than `limit`; it runs on then.
  @discardableResult
  package func waitForExit(within limit: Duration = .seconds(60)) async throws -> Int32 {
    do {
      try await waitUntil("tidemark ends", within: limit) { !child.isRunning }
    } catch let error as ServerError {
      throw ServerError(error.code, "\(error.message); it said last: \(ServerLog.tail("\(folder)/stderr"))")
    }
    return await child.waitForExit()
  }

  /// Waits until it has printed `text` on standard output or standard error.
  package func waitForOutput(_ text: String, within limit: Duration = .seconds(60)) async throws {
    try await waitUntil("tidemark prints \"\(text)\"", within: limit) {
      if standardOutput.contains(text) || standardError.contains(text) { return true }
      guard child.isRunning else {
        throw ServerError(.programFailed, "tidemark ended before it printed \"\(text)\": \(ServerLog.tail("\(folder)/stderr"))")
      }
      return false
    }
  }

  private func text(_ name: String) -> String {
    let data = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
    return String(decoding: data, as: UTF8.self)
  }

  private static func folder(of path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
  }

  private static func isProgram(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return exists && !isFolder.boolValue && FileManager.default.isExecutableFile(atPath: path)
  }
}
