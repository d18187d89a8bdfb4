import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkCore
import TidemarkPostgres

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes sessions with their outcomes as JSON Lines, one session a line.",
    discussion: """
      The last line is {"next": "CURSOR"}. With --since CURSOR the next export has the sessions that changed since, whole again, and never \
      misses what was committed late. It needs PostgreSQL only, and no worker.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case chat, raw
  }

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "chat: messages and calls as chat models take them; raw: the rows.") var format = Format.chat
  @Option(name: .long, help: "Only sessions of this agent.") var agent: String?
  @Option(name: .long, help: "Only sessions with an outcome of this label.") var label: String?
  @Option(name: .long, help: "Only sessions with an outcome of at least this score; with --label, the same outcome.") var minScore: Double?
  @Option(name: .long, help: "Only sessions that started at this time, such as 2026-11-27T04:43:22Z, or later.") var from: String?
  @Option(name: .long, help: "Only sessions that started before this time.") var before: String?
  @Option(name: .long, help: "Only what changed after an export that ended with this cursor; give the same conditions.") var since: String?
  @Option(name: .long, help: "The largest number of sessions; the cursor goes on with the others.") var limit: Int?

  func validate() throws {
    guard limit ?? 1 > 0 else { throw ValidationError("--limit: is not above 0") }
    guard minScore?.isFinite ?? true else { throw ValidationError("--min-score: is not a number") }
    for (option, time) in [("--from", from), ("--before", before)] {
      guard time.map({ (try? Date($0, strategy: .iso8601)) != nil }) ?? true else {
        throw ValidationError("\(option): is not a time such as 2026-11-27T04:43:22Z")
      }
    }
    guard since.map({ ExportCursor(text: $0) != nil }) ?? true else {
      throw ValidationError("--since: is not a cursor; take the text after \"next\" in the last line of an export")
    }
  }

  func run() async throws {
    do {
      let export = try Composition(try options.load()).makeSink().makeExport()
      let run = ExportRun(
        export: export,
        filter: SessionExport.Filter(agent: agent, label: label, minScore: minScore, startedFrom: from, startedBefore: before),
        format: format == .chat ? .chat : .raw, limit: limit)
      let next = try await run.run(since: since.flatMap { ExportCursor(text: $0) }) { lines in
        StandardStream.output.write(lines.map { ForeignText.json($0) + "\n" }.joined())
        return Console.isReadable
      }
      await export.close()
      if let next { Console.print("{\"next\": \"\(next.text)\"}") }
    } catch let error as SinkError {
      throw CommandFailure.found(error)
    } catch ExportRun.Refusal.noInstallation {
      throw CommandFailure.found("postgres.schema: the schema has no installation; run `tidemark migrate`")
    } catch ExportRun.Refusal.otherInstallation {
      throw CommandFailure.found("--since: the cursor is of an export from another installation; export everything, without --since")
    }
  }
}
