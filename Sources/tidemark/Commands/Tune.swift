import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore

struct Tune: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Changes settings of running workers, lists them, and takes changes back.",
    discussion: """
      Without settings it lists what can be tuned, with the source of each value, what is allowed, and when a change applies. Changes are \
      stored in PostgreSQL with who, when and why: all workers apply them within a second, and workers that start later, too. They override \
      file, environment and flags until `--reset`.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Argument(help: ArgumentHelp("Settings with their new values; with --reset, settings.", valueName: "key=value"))
  var settings: [String] = []

  @Option(name: .long, help: "Only for the lanes whose names match this pattern.")
  var lane: String?

  @Option(name: .long, help: "The reason, which is kept in the history.")
  var why: String?

  @Flag(name: .long, help: "List the changes, the newest first.")
  var history = false

  @Flag(name: .long, help: "Take the last change back that was not taken back yet.")
  var undo = false

  @Flag(name: .long, help: "Reset these settings, or all: the values of file, environment and flags apply again.")
  var reset = false

  @Flag(name: .long, help: "Suggest one change of a limit of batches from recent transactions, with the reason in numbers.")
  var suggest = false

  @Flag(name: .long, help: "With --suggest: make the suggested change.")
  var apply = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    guard [history, undo, reset, suggest].count(where: \.self) <= 1 else {
      throw ValidationError("tune: give one of --history, --undo, --reset and --suggest")
    }
    if history || undo || suggest {
      guard settings.isEmpty, lane == nil else {
        let option = history ? "--history" : undo ? "--undo" : "--suggest"
        throw ValidationError("tune: \(option) goes with neither settings nor --lane")
      }
    }
    guard suggest || !apply else { throw ValidationError("tune: --apply needs --suggest") }
    if let lane, lane.isEmpty { throw ValidationError("tune: --lane is empty; give a lane's name or a pattern, or leave it out") }
    guard changes else {
      guard lane == nil, why == nil else { throw ValidationError("tune: --lane and --why need a setting such as batch.max_entries=1000") }
      return
    }
    for setting in settings where setting.contains("=") == reset {
      throw ValidationError(
        reset
          ? "tune: --reset takes settings without values, such as batch.max_entries"
          : "tune: \(ForeignText.line(setting)) is not key=value; write a setting such as batch.max_entries=1000")
    }
  }

  /// Whether the command changes something.
  private var changes: Bool { undo || reset || !settings.isEmpty }

  func run() async throws {
    let composition = try Composition(try options.load())
    let tuner = try composition.makeTuner()
    do {
      if suggest {
        let suggestion = try await tuner.suggestion(try await composition.makeStatusReader().read())
        Console.print(json ? try suggestion.json(pretty: true) : suggestion.text())
        guard apply, let pair = suggestion.pair else { return }
        let change = try await tuner.perform(TuneOrder(.set([pair]), by: Operator.name, why: "suggested: \(suggestion.reason)"))
        // With --json the suggestion is the data.
        if json { Console.note(change.text()) } else { Console.print(change.text()) }
        return
      }
      guard changes else {
        let listing = try await tuner.listing(history: history || json ? Tuner.shownHistory : 0)
        Console.print(json ? try listing.json(pretty: true) : history ? listing.historyText() : listing.text())
        return
      }
      let change = try await tuner.perform(TuneOrder(action, lanes: lane, by: Operator.name, why: why))
      Console.print(json ? try change.json(pretty: true) : change.text())
    } catch let refusal as TuneRefusal {
      throw CommandFailure(code: refusal.kind == .wrong ? 2 : 1, lines: refusal.lines)
    } catch let error as SinkError {
      throw CommandFailure.found(error)
    }
  }

  private var action: TuneOrder.Action {
    if undo { return .undo }
    if reset { return .reset(settings) }
    return .set(
      settings.map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return TuneOrder.Pair(key: String(parts[0]), value: String(parts.last ?? ""))
      })
  }
}

/// The person who runs a command.
enum Operator {
  /// The user and the machine, as `ana@db1`.
  static var name: String {
    let environment = ProcessInfo.processInfo.environment
    let user = environment["USER"] ?? environment["LOGNAME"] ?? "uid \(getuid())"
    return "\(user)@\(Composition.host)"
  }
}
