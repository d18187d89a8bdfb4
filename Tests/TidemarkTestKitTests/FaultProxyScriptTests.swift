import Testing
import TidemarkTestKit

/// Tests the proxy as a process that a script controls.
struct FaultProxyScriptTests {
  @Test func `each line is answered in order`() async throws {
    // The proxy is built in the folder of the tests, as `tidemark` is.
    let program = try TidemarkProcess.binary().dropLast("tidemark".count) + "fault-proxy"
    let script = "printf 'connections\\ndelay 5\\nnonsense\\nclear\\n' | exec \(program) --to 127.0.0.1:1"
    let outcome = try await TidemarkProcess.run(["-c", script], path: "/bin/sh")
    let lines = outcome.standardOutput.split(separator: "\n")
    #expect(lines.first?.hasPrefix("listening ") == true)
    #expect(lines.dropFirst() == ["ok 0", "ok", "error no command with these arguments: nonsense", "ok"])
    #expect(outcome.exitCode == 0)
  }
}
