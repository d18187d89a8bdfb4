import ArgumentParser
import TidemarkAdmin
import TidemarkCore
import TidemarkPostgres

struct Lanes: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists, pauses and resumes lanes, retries halted lanes, and acknowledges gaps.",
    discussion: "Requests are stored in PostgreSQL: they survive restarts, and running workers follow them within a second.",
    subcommands: [List.self, Pause.self, Resume.self, Retry.self, Acknowledge.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists lanes with state, reason, open dead letters, and gaps.")
    @OptionGroup var options: ConfigurationOptions
    @Option(name: .long, help: "Only this lane.") var lane: String?
    @Flag(name: .long, help: "Include acknowledged gaps.") var all = false
    @Flag(name: .long, help: "Print JSON.") var json = false

    func run() async throws {
      try await Lanes.failing {
        let composition = try Composition(try options.load())
        let store = try composition.makeLaneStore()
        if let lane, try await !store.knows(lane) { throw Lanes.unknown([lane]) }
        let report = try await composition.makeStatusReader().read()
        let listing = LaneListing(
          lanes: report.lanes.filter { lane == nil || $0.lane == lane },
          gaps: try await store.gaps(lane: lane, includesAcknowledged: all))
        Console.print(json ? try listing.json() : listing.text())
      }
    }
  }

  struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stops reading lanes; entries that were already read are committed.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Their names.") var lanes: [String]

    func run() async throws { try await Lanes.change(lanes, options, "paused") { try await $0.pause(lanes, true) } }
  }

  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Resumes paused lanes.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Their names.") var lanes: [String]

    func run() async throws { try await Lanes.change(lanes, options, "resumed") { try await $0.pause(lanes, false) } }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Retries halted lanes from their cursors.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Their names.") var lanes: [String]

    func run() async throws { try await Lanes.change(lanes, options, "is tried again") { try await $0.retry(lanes) } }
  }

  struct Acknowledge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ack", abstract: "Acknowledges gaps: they stay on record and are no longer counted as open.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Numbers of gaps, as `tidemark lanes list` shows them.") var gaps: [Int64] = []
    @Option(name: .long, help: "All open gaps of this lane.") var lane: String?
    @Flag(name: .long, help: "All open gaps.") var all = false

    func validate() throws {
      guard [!gaps.isEmpty, lane != nil, all].count(where: \.self) == 1 else {
        throw ValidationError("lanes ack: give numbers of gaps, or --lane, or --all")
      }
    }

    func run() async throws {
      try await Lanes.failing {
        let store = try Composition(try options.load()).makeLaneStore()
        if let lane, try await !store.knows(lane) { throw Lanes.unknown([lane]) }
        let unknown = try await store.unknownGaps(gaps)
        guard unknown.isEmpty else {
          let named = unknown.map { String($0) }.joined(separator: ", ")
          throw CommandFailure.found("lanes ack: there is no gap \(named), and nothing was acknowledged; see `tidemark lanes list`")
        }
        let acknowledged = try await store.acknowledge(lane.map { .lane($0) } ?? (all ? .all : .numbers(gaps)))
        for number in acknowledged { Console.print("\(number) acknowledged") }
        for number in gaps where !acknowledged.contains(number) { Console.print("\(number) was already acknowledged") }
        if acknowledged.isEmpty, gaps.isEmpty { Console.note("no open gaps") }
      }
    }
  }

  private static func change(
    _ lanes: [String], _ options: ConfigurationOptions, _ outcome: String, _ body: (LaneStore) async throws -> [String]
  ) async throws {
    try await failing {
      let unknown = try await body(try Composition(try options.load()).makeLaneStore())
      guard unknown.isEmpty else { throw self.unknown(unknown) }
      for lane in lanes { Console.print("\(lane) \(outcome)") }
    }
  }

  private static func unknown(_ lanes: [String]) -> CommandFailure {
    let names = lanes.map { ForeignText.line($0) }.joined(separator: ", ")
    return CommandFailure.found("lanes: there is no lane \(names), and nothing was changed; see `tidemark lanes list`")
  }

  private static func failing(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as SinkError {
      throw CommandFailure.found("postgres: \(error.description)\(error.hint.map { "; \($0)" } ?? "")")
    }
  }
}
