import Foundation
import TidemarkLog

/// The page `ops/logs.md`, made from the comments of the declared events and keys and from the calls that log them.
struct LogPage {
  /// The comments of the cases, in the order of the declaration.
  private let events: [(name: String, meaning: String)]
  private let keys: [(name: String, meaning: String)]

  init(root: String) throws {
    events = try Self.comments(in: "\(root)/Sources/TidemarkLog/LoggedEvent.swift")
    keys = try Self.comments(in: "\(root)/Sources/TidemarkLog/LogKey.swift")
  }

  func text(_ calls: LogCalls) -> String {
    let cases = Dictionary(uniqueKeysWithValues: LoggedEvent.allCases.map { ("\($0)", $0) })
    let order = keys.map(\.name)
    let eventRows = events.compactMap { name, meaning in
      cases[name].map { event in
        let levels = [event.level, event.otherLevel].compactMap { $0?.rawValue }.joined(separator: " or ")
        let used = order.filter { calls.events[name]?.keys.contains($0) ?? false }.map { "`\(Self.key($0))`" }.joined(separator: ", ")
        return "| `\(event.rawValue)` | \(levels) | \(meaning) | \(used) |"
      }
    }
    let keyRows = keys.map { name, meaning in "| `\(Self.key(name))` | \(meaning) |" }
    return
      ([Self.introduction] + eventRows
      + ["", "## Keys", "", "| key | meaning |", "|---|---|"] + keyRows).joined(separator: "\n") + "\n"
  }

  private static func key(_ name: String) -> String { LogKey.allCases.first { "\($0)" == name }?.rawValue ?? name }

  private static func comments(in file: String) throws -> [(name: String, meaning: String)] {
    try String(contentsOfFile: file, encoding: .utf8).matches(of: /((?:  \/\/\/ [^\n]*\n)+)  case `?(\w+)/).map { match in
      let lines = match.1.split(separator: "\n").map { $0.trimmingPrefix("  /// ") }
      return (String(match.2), lines.joined(separator: " "))
    }
  }

  private static let introduction = """
    # Log events

    Made by a test from the program's declarations: change `Sources/TidemarkLog`, not this page, and write it again with
    `TIDEMARK_WRITE_PAGES=1 swift test --filter LogPageTests`.

    Each line of the log has the time, a level, one of these events, and its keys; each line of a worker has the key `worker`, too. An empty
    value is left out, and so is `server` where there is only one. The names of events and keys don't change.

    Work that fails repeatedly logs one event when it begins to fail (`requests.waiting`), again for another reason, and one event when it
    succeeds (`requests.current`). Where two levels are named, the cause decides. Debug: a server can't be reached, which
    `postgres.unreachable` or `redis.unreadable` reports for all work at once. Error: only an operator can end the problem.

    | event | level | meaning | keys |
    |---|---|---|---|
    """
}
