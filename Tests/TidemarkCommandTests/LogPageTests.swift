import Foundation
import Testing
import TidemarkLog

/// Operators search for the names of events, so each event is declared once, logged, and explained in `ops/logs.md`.
@Suite struct LogPageTests {
  private static let calls = Result { try LogCalls(root: Documentation.root) }

  @Test func everyDeclaredEventIsLogged() throws {
    let logged = try Self.calls.get().events
    #expect(LoggedEvent.allCases.map { "\($0)" }.filter { logged[$0] == nil } == [], "log these, or remove them")
  }

  @Test func everyDeclaredKeyIsUsed() throws {
    let used = try Self.calls.get().events.values.reduce(into: Set()) { $0.formUnion($1.keys) }
    // The worker is in each line, and not a fact of an event.
    #expect(LogKey.allCases.filter { $0 != .worker }.map { "\($0)" }.filter { !used.contains($0) } == [], "use these, or remove them")
  }

  @Test func nothingElseIsLogged() throws {
    #expect(try Self.calls.get().undeclared == [], "declare these in LoggedEvent or LogKey")
  }

  @Test func anEventHasAnotherLevelWhereItIsLoggedAtOne() throws {
    let logged = try Self.calls.get().events
    let declared = LoggedEvent.allCases.filter { $0.otherLevel != nil }.map { "\($0)" }
    #expect(declared.sorted() == logged.filter { $0.value.hasOtherLevel }.map(\.key).sorted())
  }

  @Test func thePageListsWhatIsLogged() throws {
    let page = "\(Documentation.root)/ops/logs.md"
    let text = try LogPage(root: Documentation.root).text(Self.calls.get())
    if ProcessInfo.processInfo.environment["TIDEMARK_WRITE_PAGES"] != nil {
      try text.write(toFile: page, atomically: true, encoding: .utf8)
    }
    #expect(
      try String(contentsOfFile: page, encoding: .utf8) == text, "write it again: TIDEMARK_WRITE_PAGES=1 swift test --filter LogPageTests")
  }

  @Test func theReadmeLinksThePage() throws {
    #expect(try String(contentsOfFile: "\(Documentation.root)/README.md", encoding: .utf8).contains("](ops/logs.md)"))
  }

  @Test func callsOfEveryFormAreFound() {
    let calls = LogCalls(
      text: """
        import Logging
        logger.info("lanes.lost", metadata: [:])
        logger.log(level: .info, "lanes.lost")
        logger.log(.lanesOwned, [.lanes: .number(1), .new: "\\(text(1))"])
        logger.log(
          .redisMoved,
          server.metadata.merging([.reason: "x"]) { $1 })
        private let failures = FailureLog<LaneServer?>(
          failing: .groupsWaiting, recovered: .groupsCurrent, clock: clock, logger: logger)
        failures.failed(server, error, [.table: "x"])
        failures.succeeded(lanes) { [.lane: "\\($0)"] }
        let trouble = FailureLog<String>(failing: .commitRetry, recovered: nil, clock: clock, logger: logger)
        trouble.failed("\\(error)", [.lane: "x"])
        await SteadyTurns(interval: .zero, event: .trimWaiting, recovered: .trimCurrent, clock: clock, logger: logger)
        line(LoggedEvent.logLost, LogKey.lines)
        """)
    #expect(calls.undeclared == [#"logger.info("lanes.lost", metadata: [:])"#, #"log(level: .info, "lanes.lost")"#])
    #expect(
      calls.events == [
        "lanesOwned": .init(keys: ["lanes", "new"]), "redisMoved": .init(keys: ["server", "reason"]),
        "groupsWaiting": .init(keys: ["reason", "hint", "table"], hasOtherLevel: true), "groupsCurrent": .init(keys: ["lane"]),
        "commitRetry": .init(keys: ["reason", "lane"]), "trimWaiting": .init(keys: ["reason", "hint"], hasOtherLevel: true),
        "trimCurrent": .init(), "logLost": .init(keys: ["lines"]),
      ])
  }
}
