import ArgumentParser
import TidemarkAdmin
import TidemarkCore
import TidemarkPostgres

struct History: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Shows a session's changes as PostgreSQL has them, oldest first.")

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "The session.") var session: String
  @Option(name: .long, help: "The largest number of changes; the last ones are shown.") var limit = 100
  @Flag(name: .long, help: "Print one JSON object per line.") var json = false

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit: is not above 0") }
  }

  func run() async throws {
    do {
      let store = try Composition(try options.load()).makeSessionStore()
      guard let changes = try await store.history(session, last: limit) else {
        throw CommandFailure.found("history: PostgreSQL knows no session \(session)")
      }
      if json {
        for change in changes { Console.print(SessionText.json(change)) }
        return
      }
      let rows = changes.map { change in
        [change.entry, change.seq.map { "\($0)" } ?? "-", change.at, ForeignText.line(change.type), SessionText.cut(change.body)]
      }
      Console.print(AlignedText.lines([["ENTRY", "SEQ", "AT", "TYPE", "CONTENT"]] + rows, numeric: 1...1).joined(separator: "\n"))
      if changes.count == limit { Console.note("these are the last \(limit) changes; --limit shows more") }
    } catch let error as SinkError {
      throw CommandFailure.found(error)
    }
  }
}
