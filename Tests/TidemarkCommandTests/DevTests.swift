import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// A newcomer runs `tidemark dev` on a machine that has other users.
struct DevTests {
  private static let secret = "hunter2hunter2"

  /// A running `dev` and its output.
  private struct Running {
    let process: TidemarkProcess
    let write: String
    let read: String
    let redisURL: String

    init(in folder: String, agents: Int = 2, listening: [String] = ["--listen", "127.0.0.1:0"]) async throws {
      process = try await TidemarkProcess.start(
        ["dev", "--dir", folder, "--agents", "\(agents)", "--rate", "20"] + listening,
        environment: [
          "TIDEMARK_REDIS_PASSWORD": DevTests.secret, "TIDEMARK_POSTGRES_PASSWORD": DevTests.secret, "PGPASSWORD": DevTests.secret,
        ])
      try await process.waitForOutput("Ctrl-C stops everything", within: .seconds(180))
      let lines = process.standardError.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      write = try #require(lines.first { $0.contains(" XADD ") })
      read = try #require(lines.first { $0.hasPrefix("psql ") })
      redisURL = try #require(lines.first { $0.contains("redis://") }?.split(separator: " ").last.map(String.init))
    }

    /// The password in the printed URL.
    var password: String {
      get throws { String(try #require(redisURL.firstMatch(of: #/redis://:([0-9a-z]+)@127\.0\.0\.1:/#)).1) }
    }

    func shell(_ line: String) async throws -> String {
      try await Program.find(["sh"], package: "dash").output(["-c", line])
    }
  }

  /// Returns the addresses of the status page and of both servers.
  private func addresses(of dev: Running) throws -> [String] {
    let page = try #require(dev.process.standardError.firstMatch(of: #/status page +(\S+)/#)).1
    let port = try #require(dev.redisURL.firstMatch(of: #/:([0-9]+)\/0$/#)).1
    let postgres = try #require(dev.process.standardError.firstMatch(of: #/Postgres +(postgres\S+)/#)).1
    return [String(page), String(port), String(postgres)]
  }

  private func folder() async throws -> String {
    let folder = try await ScratchSpace.current().folder("dev")
    // If the test runs as root, the servers run as other users, who must be able to enter the folder.
    chmod(folder, 0o711)
    return "\(folder)/data"
  }

  @Test func theFirstLinesWorkAsPrintedAndTheDataAreFoundAgain() async throws {
    let folder = try await folder()
    let first = try await Running(in: folder)
    #expect(try await first.shell(first.write).contains("-"))
    try await waitUntil("the change is in Postgres", within: .seconds(60)) {
      try await first.shell(first.read).contains("Hello, Tidemark")
    }
    // The README's commands work too, with the printed URLs.
    let variables = "export TIDEMARK_REDIS_URL='\(first.redisURL)' TIDEMARK_POSTGRES_URL='\(try addresses(of: first)[2])'; "
    for line in try Documentation.lines("redis-cli -u ") + Documentation.lines("psql \"$TIDEMARK_POSTGRES_URL\"") {
      #expect(try await !first.shell(variables + line).isEmpty)
    }
    first.process.signal(SIGINT)
    #expect(try await first.process.waitForExit() == 0)
    let second = try await Running(in: folder)
    #expect(try await second.shell(second.read).contains("Hello, Tidemark"))
    #expect(try second.password != first.password)
    second.process.signal(SIGINT)
    #expect(try await second.process.waitForExit() == 0)
  }

  @Test func itsPortsAreTheSameAtEveryStartAndATakenOneIsNamed() async throws {
    let folder = try await folder()
    let first = try await Running(in: folder, agents: 0, listening: [])
    let addresses = try addresses(of: first)
    #expect(first.process.standardError.contains("What you write to Redis becomes a Postgres row."))
    first.process.signal(SIGINT)
    #expect(try await first.process.waitForExit() == 0)
    let second = try await Running(in: folder, agents: 0, listening: [])
    #expect(try self.addresses(of: second) == addresses)
    second.process.signal(SIGINT)
    #expect(try await second.process.waitForExit() == 0)
    try await withRedis(.init(port: Int(addresses[1]))) { _ in
      let taken = try await TidemarkProcess.run(["dev", "--dir", folder, "--for", "1"])
      #expect(taken.exitCode == 1)
      #expect(
        taken.standardError.contains("dev: the port \(addresses[1]) of this folder's Redis is in use by another program"),
        "\(taken.standardError)")
    }
  }

  @Test func itEndsByItselfWithoutAgentsToo() async throws {
    let outcome = try await TidemarkProcess.run(["dev", "--dir", try await folder(), "--agents", "0", "--for", "1", "--listen", "off"])
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    #expect(outcome.standardOutput.contains("agents wrote      0 changes to Redis"))
  }

  @Test func itsServersTrustNobodyAndLearnNoSecret() async throws {
    let dev = try await Running(in: try await folder())
    let password = try dev.password
    #expect(password.count == 32)
    let port = try #require(dev.redisURL.firstMatch(of: #/:([0-9]+)\/0$/#)).1
    let refusal = try await dev.shell("redis-cli -p \(port) PING")
    #expect(refusal.contains("NOAUTH"))
    let family = try descendants(of: dev.process.pid)
    var servers: Set<String> = []
    for pid in family {
      // A process that has ended in the meantime has no command line.
      guard let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
        let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ"),
        let name = try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8).trimmingCharacters(in: .newlines),
        let owner = try? FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? UInt32
      else { continue }
      for text in [command, environment].map({ String(decoding: $0, as: UTF8.self) }) {
        #expect(!text.contains(Self.secret), "\(name)")
        #expect(!text.contains(password), "\(name)")
      }
      guard name.hasPrefix("redis-server") || name.hasPrefix("valkey-server") || name == "postgres" else { continue }
      servers.insert(name)
      #expect(owner != 0, "\(name) runs as root")
    }
    #expect(servers.count == 2, "\(servers)")
    dev.process.signal(SIGINT)
    #expect(try await dev.process.waitForExit() == 0)
  }

  @Test func aFolderOfAnotherUserIsRefusedInOneLine() async throws {
    let place = try await ScratchSpace.current().folder("shared")
    chmod(place, 0o1777)
    let victim = try await ScratchSpace.current().folder("victim")
    try FileManager.default.createSymbolicLink(atPath: "\(place)/tidemark", withDestinationPath: victim)
    let outcome = try await TidemarkProcess.run(["dev", "--dir", "\(place)/tidemark", "--for", "1"])
    #expect(outcome.exitCode == 1)
    #expect(outcome.standardError.contains("\(place)/tidemark is a symbolic link in a folder that other users can write"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: victim).isEmpty)
  }

  /// Returns all descendants of a process.
  private func descendants(of pid: Int32) throws -> [Int32] {
    var parents: [Int32: Int32] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
      guard let child = Int32(name), let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8) else { continue }
      let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
      if fields.count > 2, let parent = Int32(fields[2]) { parents[child] = parent }
    }
    var family = [pid]
    var next = 0
    while next < family.count {
      family += parents.filter { $0.value == family[next] }.map(\.key)
      next += 1
    }
    return Array(family.dropFirst())
  }
}
