import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Invalid command lines and configurations end a command before any connection: exit code 2, one line, no secret.
@Suite struct WrongSettingTests {
  struct Wrong: Sendable, CustomTestStringConvertible {
    var yaml: String
    var line: String
    var testDescription: String { line }
  }

  static let secret = "hunter2-s3cret"

  static let files: [Wrong] = [
    Wrong(yaml: "batch: { max_entrys: 1 }", line: "tidemark.yaml:1:10: batch.max_entrys is not a setting; did you mean batch.max_entries?"),
    Wrong(
      yaml: "batch: { max_entries: many }",
      line: "tidemark.yaml:1:23: batch.max_entries is \"many\", not a whole number; write digits only, such as 1000"),
    Wrong(yaml: "batch: { max_entries: 0 }", line: "tidemark.yaml:1:23: batch.max_entries is 0, below 1; use 1 to 1000000"),
    Wrong(yaml: "batch: {\nlog: [", line: "tidemark.yaml:3:1: this is not YAML"),
    Wrong(yaml: "lanes:\n  - streams: \"a:*\"\n  - streams: \"*:b\"\n", line: "tidemark.yaml:3"),
    Wrong(yaml: "retry: { cap: 20ms }", line: "tidemark.yaml:1:15: retry.base (50ms) is above retry.cap (20ms)"),
    Wrong(yaml: "redis: { url: \"http://:\(secret)@a\" }", line: "tidemark.yaml:1:15: redis.url has a scheme other than redis://"),
    Wrong(yaml: "postgres: { url: \"host=a password=\(secret)\" }", line: "tidemark.yaml:1:18: postgres.url is not a URL"),
    Wrong(
      yaml: "redis: { url: \"redis://:\(secret)@b\", password: \(secret) }",
      line: "tidemark.yaml:1:\(40 + secret.count): redis.password is set, and redis.url has a password as well"),
    Wrong(yaml: "http: { listen: \"0.0.0.0:9847\" }", line: "tidemark.yaml:1:17: http.listen (0.0.0.0:9847) is open to other machines"),
  ]

  @Test(arguments: files)
  func aWrongFileIsRefusedByCheckAndRunAlike(wrong: Wrong) async throws {
    let folder = try await ScratchSpace.current().folder("settings")
    try wrong.yaml.write(toFile: "\(folder)/tidemark.yaml", atomically: false, encoding: .utf8)
    for command in ["check", "run"] {
      let outcome = try await TidemarkProcess.run([command], workingDirectory: folder)
      expectRefused(outcome, wrong.line)
    }
  }

  @Test func aWrongEnvironmentIsNamedByItsVariable() async throws {
    let outcome = try await TidemarkProcess.run(["check"], environment: ["TIDEMARK_BATCH_MAX_ENTRIES": "0"])
    expectRefused(outcome, "environment TIDEMARK_BATCH_MAX_ENTRIES: batch.max_entries is 0")
    let unknown = try await TidemarkProcess.run(["run"], environment: ["TIDEMARK_BATCH_MAX_ENTRYS": Self.secret])
    expectRefused(unknown, "environment TIDEMARK_BATCH_MAX_ENTRYS: ")
  }

  @Test(arguments: [
    (["check", "--set", "redis.password=\(secret)"], "redis.password"),
    (["check", "--set", "postgres.url=postgresql://a:\(secret)@b/c"], "postgres.url"),
    (["run", "--set", secret], "--set: is not key=value"),
    (["run", "--set", "batch.max_entries=0"], "batch.max_entries is 0"),
    (["run", "--listen", "nowhere"], "http.listen"),
    (["run", "--fast"], "--fast"),
    (["replicate"], "replicate"),
    (["check", "--sample", "0"], "--sample"),
    (["check", "--sample", "many"], "many"),
    (["check", "--config", "missing.yaml"], "missing.yaml"),
    (["dead-letters", "forget"], "forget"),
    (["agents", "--rate", "0"], "--rate"),
  ])
  func aWrongCommandLineIsNamed(arguments: [String], named: String) async throws {
    expectRefused(try await TidemarkProcess.run(arguments), named)
  }

  @Test func helpListsTheCommandsAndIsNoFault() async throws {
    let help = try await TidemarkProcess.run(["--help"])
    #expect(help.exitCode == 0)
    #expect(help.standardError.isEmpty)
    for command in ["run", "migrate", "check", "dead-letters", "agents"] {
      #expect(help.standardOutput.contains("\n  \(command)"), "\(command)")
    }
    let version = try await TidemarkProcess.run(["--version"])
    #expect(version.exitCode == 0 && version.standardOutput.contains("."))
  }

  private func expectRefused(_ outcome: TidemarkProcess.Outcome, _ line: String) {
    #expect(outcome.exitCode == 2)
    #expect(outcome.standardOutput.isEmpty)
    #expect(outcome.standardError.hasPrefix("tidemark: "))
    #expect(outcome.standardError.contains(line), "\(outcome.standardError)")
    #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
    #expect(!outcome.standardError.contains(Self.secret))
  }
}
