import ArgumentParser
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkPostgres

struct Calls: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists tool calls that began and never ended, and closes them.",
    discussion: "Model providers refuse a conversation with a call that has no result.", subcommands: [List.self, Close.self])

  struct Filter: ParsableArguments {
    @Option(name: .long, help: "Only calls of this session.") var session: String?
    @Option(name: .long, help: "Only calls that have been open for at least this time, such as 10m.") var older: SettingDuration = "0s"
    @Option(name: .long, help: "The largest number of calls. Default: 1000 are listed, all are closed.") var limit: Int?

    func validate() throws {
      guard limit ?? 1 > 0 else { throw ValidationError("--limit: is not above 0") }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists open calls, oldest first.")
    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var filter: Filter
    @Flag(name: .long, help: "Print one JSON object per line.") var json = false

    func run() async throws {
      do {
        let store = try Composition(try options.load()).makeSessionStore()
        let calls = try await store.openCalls(
          session: filter.session, call: nil, older: filter.older.duration, limit: filter.limit ?? 1_000)
        if json {
          for call in calls { Console.print(SessionText.json(call)) }
          return
        }
        guard !calls.isEmpty else { return Console.note("no open calls") }
        let rows = calls.map { call in
          [
            DeadLetterText.age(call.age), call.session, call.call, call.tool ?? "", call.idempotencyKey ?? "-",
            SessionText.cut(call.arguments ?? ""),
          ].map { ForeignText.line($0) }
        }
        let lines = AlignedText.lines([["STARTED", "SESSION", "CALL", "TOOL", "IDEMPOTENCY KEY", "ARGUMENTS"]] + rows, numeric: 0...0)
        Console.print(lines.joined(separator: "\n"))
      } catch let error as SinkError {
        throw CommandFailure.found(error)
      }
    }
  }

  struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Closes open calls: writes `tool.finished` with the status cancelled like any change, and waits until it is committed.")
    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var filter: Filter
    @Option(name: .long, help: "Only the call with this id; requires --session.") var call: String?
    @Option(name: .long, help: "Why, kept as the call's error.") var because = "closed by an operator"
    @Flag(name: .long, help: "Close all open calls.") var all = false
    @Option(name: .long, help: "The time to wait for commits.") var wait: SettingDuration = "30s"

    func validate() throws {
      guard all != (filter.session != nil || filter.older.duration > .zero) else {
        throw ValidationError("give --session, --older or both, or --all")
      }
      guard call == nil || filter.session != nil else { throw ValidationError("--call: requires --session") }
    }

    func run() async throws {
      try await SessionTools.with(options) { tools in
        func open() async throws -> [SessionStore.OpenCall] {
          try await tools.sessions.openCalls(
            session: filter.session, call: call, older: filter.older.duration, limit: filter.limit ?? Int(Int32.max))
        }
        // A call may have ended in Redis, and not in Postgres yet. The numbers of the sessions first: what comes later is noticed.
        let names = try await open().map(\.session)
        let sessions = Set(names.map { SessionKey($0) })
        var numbers: [SessionKey: Int64] = [:]
        for (name, presence) in zip(names, try await tools.store.presence(of: names).presences) {
          numbers[SessionKey(name)] = presence.seq
        }
        try await tools.waitForCommits(of: tools.lanes(of: names), within: wait.duration)
        var entries: [String: EntryID] = [:]
        var (closed, left) = (0, 0)
        for call in try await open() where sessions.contains(SessionKey(call.session)) {
          let change = SessionChange(
            type: "tool.finished", fields: ["call_id", call.call, "status", "cancelled", "error", because])
          let key = SessionKey(call.session)
          do {
            let entry = try await tools.writer(within: wait.duration).write(
              change, to: call.session, isNumbered: call.isNumbered, expecting: numbers[key])
            if let number = numbers[key] { numbers[key] = number + 1 }
            entries[tools.lane(of: call.session)] = entry
            closed += 1
            Console.print("\(ForeignText.line(call.session))  \(ForeignText.line(call.call))  \(entry)")
          } catch HotRefusal.conflict {
            left += 1
            Console.note("\(ForeignText.line(call.session)) changed meanwhile: its call \(ForeignText.line(call.call)) is left alone")
          }
        }
        let behind = try await tools.wait.lanes(behind: entries, within: wait.duration)
        guard behind.isEmpty else {
          throw CommandFailure.found("calls: the calls are closed in Redis, and not committed yet; is a worker running?")
        }
        Console.note("\(closed) closed")
        if left > 0 { throw ExitCode(1) }
      }
    }
  }
}
