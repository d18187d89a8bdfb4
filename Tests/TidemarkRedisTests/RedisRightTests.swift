import Foundation
import Testing

@testable import TidemarkRedis

/// The commands whose rights `check` tries are exactly those in the sources.
@Suite struct RedisRightTests {
  /// Words of errors, options, table titles and HTTP methods that look like commands.
  private static let others: Set<String> = [
    "HEAD", "READONLY", "LANE", "WORKER", "DRAIN", "SETTING", "PREFIX", "COUNT", "BLOCK", "STREAMS", "EXECUTE",
    "ENTRY", "STARTED", "CHANGE", "CHANGES", "LANES", "LOGNAME", "USER",
  ]

  /// Returns every command in Swift and in scripts, with its subcommand if the source names it: `XINFO STREAM`.
  private static func commandsInSources() throws -> Set<String> {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    var commands: Set<String> = []
    for path in ["Sources/TidemarkRedis", "Sources/TidemarkAdmin", "Sources/TidemarkEngine", "Sources/tidemark", "migrations/functions"] {
      let folder = root.appending(path: path)
      for file in try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)).allObjects.compactMap({
        $0 as? URL
      })
      where ["swift", "lua"].contains(file.pathExtension) && !file.path.contains("/Rights/") {
        let text = try String(contentsOf: file, encoding: .utf8)
        let swift = text.matches(of: /(?:\[|writer\.append\()"([A-Z_]{4,})"(?:, "([A-Z][A-Z-]+)")?/).map { ($0.1, $0.2) }
        let lua = text.matches(of: /(?:call|fetch|write)\('([A-Z]+)'(?:, '([A-Z]+)')?/).map { ($0.1, $0.2) }
        for (name, second) in swift + lua where !others.contains(String(name)) {
          let isContainer = ["CLIENT", "CLUSTER", "CONFIG", "FUNCTION", "MEMORY", "PUBSUB", "SENTINEL", "XGROUP", "XINFO"].contains(name)
          commands.insert(isContainer ? ([name] + (second.map { [$0] } ?? [])).joined(separator: "|").lowercased() : name.lowercased())
        }
      }
    }
    return commands
  }

  @Test func everyCommandOfTheSourcesIsListedAndNoOther() throws {
    // The subcommand of the group is an argument of its script.
    let sent = try Self.commandsInSources().subtracting(["xgroup"]).union(["xgroup|setid", "xgroup|create"])
    let listed = Set(RedisRight.all.map(\.command))
    #expect(sent.subtracting(listed).sorted() == [])
    #expect(listed.subtracting(sent).sorted() == [])
  }

  @Test func aCommandWithSubcommandsIsNamedAsRulesNameIt() {
    #expect(RedisRight("XINFO STREAM KEY", .work, .lane).command == "xinfo|stream")
    #expect(RedisRight("XREAD COUNT 1 STREAMS KEY $", .work, .lane).command == "xread")
  }
}
