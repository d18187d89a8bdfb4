import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Tests that no server outlives a process that started it and was killed without warning.
struct OrphanTests {
  private static let reportVariable = "TIDEMARK_ORPHAN_REPORT"

  @Test func `no server outlives a starter that is killed`() async throws {
    let report = "/tmp/tidemark-orphans-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: report) }
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let starter = try await TidemarkProcess.start(
      ["--testing-library", "swift-testing", "--filter", "holdsServersUntilItIsKilled"],
      environment: [Self.reportVariable: report], path: program)
    try await waitUntil("the starter has its servers", within: .seconds(60)) {
      guard starter.isRunning else { throw ServerError(.programFailed, "the starter ended: \(starter.standardOutput)") }
      return FileManager.default.fileExists(atPath: report)
    }
    let lines = try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n").map(String.init)
    let pids = lines.compactMap { Int32($0) }
    let folders = lines.filter { $0.hasPrefix("/tmp/") }
    #expect(pids.count == 3 && folders.count == 2)
    #expect(pids.allSatisfy { kill($0, 0) == 0 })

    await starter.kill()

    try await waitUntil("the servers have ended") { pids.allSatisfy { kill($0, 0) != 0 } }
    try await waitUntil("their folders are gone") { !folders.contains { FileManager.default.fileExists(atPath: $0) } }
  }

  /// Runs only in the process that the test above starts: one server of each kind, one of them frozen.
  @Test(.enabled(if: ProcessInfo.processInfo.environment[reportVariable] != nil))
  func holdsServersUntilItIsKilled() async throws {
    let report = try #require(ProcessInfo.processInfo.environment[Self.reportVariable])
    try await withServers(postgres: .private) { servers in
      try await withRedis(.init(persistence: true)) { second in
        second.pause()
        let pids = try [#require(servers.redis.pid), #require(servers.postgres.pid), #require(second.pid)]
        let lines = pids.map(String.init) + [servers.redis.directory, servers.postgres.socketDirectory]
        try lines.joined(separator: "\n").write(toFile: report, atomically: true, encoding: .utf8)
        try await Task.sleep(for: .seconds(600))
      }
    }
  }
}
