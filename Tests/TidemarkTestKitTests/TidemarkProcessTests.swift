import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Tests how a process is run, with a shell in the place of `tidemark`.
struct TidemarkProcessTests {
  @Test func `run returns the exit code and both outputs`() async throws {
    let outcome = try await TidemarkProcess.run(
      ["-c", "echo out $GREETING; echo err >&2; exit 3"], environment: ["GREETING": "hello"], path: "/bin/sh")
    #expect(outcome.exitCode == 3)
    #expect(outcome.standardOutput == "out hello\n")
    #expect(outcome.standardError == "err\n")
  }

  @Test func `output is read while the process runs, and signals reach the process`() async throws {
    let process = try await TidemarkProcess.start(
      ["-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"], path: "/bin/sh")
    try await process.waitForOutput("ready")
    #expect(process.isRunning)
    process.signal(SIGTERM)
    #expect(try await process.waitForExit() == 0)
    #expect(process.standardOutput == "ready\nbye\n")
    #expect(!process.signal(SIGTERM))
  }

  @Test func `a killed process exits with 137`() async throws {
    let process = try await TidemarkProcess.start(["-c", "exec sleep 600"], path: "/bin/sh")
    await process.kill()
    #expect(try await process.waitForExit() == 137)
  }

  @Test func `a run that takes too long is killed and reported`() async throws {
    let error = await #expect(throws: ServerError.self) {
      try await TidemarkProcess.run(["-c", "echo stuck >&2; exec sleep 600"], path: "/bin/sh", within: .milliseconds(300))
    }
    #expect(error?.code == .deadline)
    #expect(error?.message.contains("stuck") == true)
  }
}
