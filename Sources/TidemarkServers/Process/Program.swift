import Foundation
import Subprocess

/// A program on this machine, found once and run to its end.
package struct Program: Sendable, Hashable {
  package let path: String

  package init(path: String) {
    self.path = path
  }

  /// What a program left behind.
  package struct Outcome: Sendable {
    /// 128 + signal when a signal ended it.
    package let exitCode: Int32
    package let standardOutput: String
    package let standardError: String
  }

  /// The first of `names` found on PATH, in the usual folders, or in `folders`.
  package static func find(_ names: [String], in folders: [String] = [], package hint: String) throws -> Program {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let places = path.split(separator: ":").map(String.init) + ["/usr/local/bin", "/usr/bin", "/usr/sbin"] + folders
    for name in names {
      for place in places where FileManager.default.isExecutableFile(atPath: "\(place)/\(name)") {
        return Program(path: "\(place)/\(name)")
      }
    }
    throw ServerError(.programMissing, "\(names.joined(separator: " or ")) is not installed (package \(hint))")
  }

  /// Runs it to its end; standard input is `input` or empty. Does not throw for an exit code. Of this process' environment it sees only
  /// where programs are; `environment` is added to that.
  package func run(
    _ arguments: [String], input: String? = nil, environment: [String: String?] = [:], user: ServerUser? = nil,
    outputLimit: Int = 64 << 20
  ) async throws -> Outcome {
    let command = user?.command(path, arguments) ?? (program: path, arguments: arguments)
    let configuration = Configuration(
      executable: .path(.init(command.program)), arguments: Arguments(command.arguments),
      environment: ChildEnvironment.make(inherits: false, changes: environment), workingDirectory: "/")
    let result = try await Subprocess.run(
      configuration, input: .fileDescriptor(.init(rawValue: try await descriptor(of: input)), closeAfterSpawningProcess: true),
      output: .string(limit: outputLimit), error: .string(limit: 1 << 20))
    let code: Int32 =
      switch result.terminationStatus {
      case .exited(let code): code
      case .signaled(let number): 128 + number
      }
    return Outcome(exitCode: code, standardOutput: result.standardOutput, standardError: result.standardError)
  }

  /// Runs it and returns its output without the last newline; throws with what it said when it fails.
  @discardableResult
  package func output(
    _ arguments: [String], input: String? = nil, environment: [String: String?] = [:], user: ServerUser? = nil
  ) async throws -> String {
    let outcome = try await run(arguments, input: input, environment: environment, user: user)
    guard outcome.exitCode == 0 else {
      let name = path.split(separator: "/").last.map(String.init) ?? path
      let said = (outcome.standardError.isEmpty ? outcome.standardOutput : outcome.standardError)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      throw ServerError(.programFailed, "\(name) failed with exit code \(outcome.exitCode): \(said)")
    }
    let text = outcome.standardOutput
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }

  /// Input goes through a file without a name, not a pipe: writing to a child that has died would raise SIGPIPE here.
  private func descriptor(of input: String?) async throws -> Int32 {
    guard let input, !input.isEmpty else { return open("/dev/null", O_RDONLY | O_CLOEXEC) }
    let path = try await ScratchSpace.current().newPath("input")
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ServerError(.resource, "cannot make a file for a child's input: \(String(cString: strerror(errno)))")
    }
    unlink(path)
    var bytes = Array(input.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard written > 0 else {
        close(descriptor)
        throw ServerError(.resource, "cannot write a child's input: \(String(cString: strerror(errno)))")
      }
      bytes = bytes.dropFirst(written)
    }
    lseek(descriptor, 0, SEEK_SET)
    return descriptor
  }
}
