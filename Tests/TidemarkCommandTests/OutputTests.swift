import Foundation
import Synchronization
import Testing
import TidemarkServers
import TidemarkTestKit

@testable import tidemark

/// Output that can't be written: a full disk, a pipe without a reader, a closed descriptor.
struct OutputTests {
  /// Runs a shell script in which `$0` is the executable.
  private func shell(_ script: String, environment: [String: String?] = [:]) async throws -> Program.Outcome {
    let shell = try Program.find(["bash"], package: "bash")
    return try await shell.run(["-c", script, try TidemarkProcess.binary()], environment: environment)
  }

  /// A shell prefix that makes descriptor 5 a pipe whose only reader is gone.
  private static let pipeWithoutReader = "f=$(mktemp -u); mkfifo $f; exec 4<>$f 5>$f 4<&-; rm $f; "

  @Test func aFullDiskBehindStandardOutputIsSaidInOneLine() async throws {
    let outcome = try await shell("\"$0\" --help >/dev/full")
    #expect(outcome.exitCode == 1)
    #expect(
      outcome.standardError
        == "tidemark: standard output can't be written: No space left on device; free space there, or redirect it elsewhere\n")
  }

  @Test func aReaderThatHasSeenEnoughIsNoFault() async throws {
    for arguments in ["--help", "check --reference"] {
      let outcome = try await shell("\(Self.pipeWithoutReader) \"$0\" \(arguments) >&5")
      #expect(outcome.exitCode == 0)
      #expect(outcome.standardError == "")
    }
  }

  @Test func aWrongCommandLineIsStillWrongWhereNobodyReadsWhy() async throws {
    for target in ["/dev/full", "&-", "&5"] {
      let outcome = try await shell("\(Self.pipeWithoutReader) \"$0\" run --nonsense 2>\(target)")
      #expect(outcome.exitCode == 2)
    }
  }

  @Test func aWrongCommandLineNamesTheHelpOfItsOwnCommand() async throws {
    let cases = [
      (["run", "--nonsense"], "tidemark run"), (["dead-letters", "replay", "--nonsense"], "tidemark dead-letters replay"),
      (["--nonsense"], "tidemark"),
    ]
    for (arguments, command) in cases {
      let outcome = try await TidemarkProcess.run(arguments)
      #expect(outcome.exitCode == 2)
      #expect(outcome.standardError.hasSuffix("see `\(command) --help`\n"))
    }
  }

  @Test func withoutACommandItSaysWhichThereAreAndThatOneIsMissing() async throws {
    let outcome = try await TidemarkProcess.run([])
    #expect(outcome.exitCode == 2)
    #expect(outcome.standardOutput == "")
    #expect(outcome.standardError.contains("SUBCOMMANDS:"))
  }

  @Test func aStatusThatIsWatchedEndsWithItsReader() async throws {
    try await withProduct { product in
      let outcome = try await shell("\"$0\" status --watch | head -n 1; echo ${PIPESTATUS[0]}", environment: product.environment)
      #expect(outcome.standardOutput.hasSuffix("\n0\n"))
      #expect(outcome.standardError == "")
    }
  }

  @Test(arguments: ["/dev/full", "&-", "&5"])
  func aWorkerOutlivesItsLog(target: String) async throws {
    try await withProduct { product in
      let script = "\(Self.pipeWithoutReader) exec \"$0\" run --listen off 2>\(target)"
      let shell = try Program.find(["bash"], package: "bash")
      let worker = try await TidemarkProcess.start(
        ["-c", script, try TidemarkProcess.binary()], environment: product.environment, path: shell.path)
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      // The worker logs much more when a server becomes unavailable.
      try await product.redis.command("CLIENT", "KILL", "TYPE", "normal")
      try await product.addMessages(10, from: 11)
      try await product.waitUntilCaughtUp()
      worker.signal(SIGTERM)
      #expect(try await worker.waitForExit() == 0)
    }
  }

  @Test func linesThatWereLostAreCountedAndSaidOnceTheyCanBe() {
    let state = Mutex((isFull: false, text: ""))
    let log = LogStream { text in
      state.withLock { state in
        if !state.isFull { state.text += text }
        return !state.isFull
      }
    }
    func write(_ line: String) { log.write(line) { "lost \($0)" } }
    write("one")
    state.withLock { $0.isFull = true }
    write("two")
    write("three")
    state.withLock { $0.isFull = false }
    write("four")
    write("five")
    #expect(state.withLock { $0.text } == "one\nlost 2\nfour\nfive\n")
  }
}
