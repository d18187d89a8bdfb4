import ArgumentParser
import Foundation

/// The program. Exit codes: 0 done, 1 it ran and found a problem, 2 the command line or the configuration is wrong.
@main
enum Main {
  static func main() async {
    StandardStream.prepare()
    exit(Console.exitCode(await run()))
  }

  private static func run() async -> Int32 {
    do {
      guard CommandLine.arguments.count > 1 else {
        Console.note(Tidemark.helpMessage())
        return 2
      }
      var command = try Tidemark.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return 0
    } catch let error as CommandFailure {
      for line in error.lines { Console.error(line) }
      return error.code
    } catch {
      let code = Tidemark.exitCode(for: error)
      guard code != .success else {
        // The user asked for help.
        Console.print(Tidemark.fullMessage(for: error))
        return 0
      }
      if code == .validationFailure {
        Console.error("\(Tidemark.message(for: error)); see `\(Tidemark.commandPath(CommandLine.arguments)) --help`")
        return 2
      }
      if !(error is ExitCode) { Console.error(Tidemark.message(for: error)) }
      return code.rawValue
    }
  }
}

struct Tidemark: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "tidemark",
    abstract: "Replicates the state of long-running agents from Redis streams to PostgreSQL, exactly once and in order.",
    version: version,
    subcommands: [
      Run.self, Dev.self, Migrate.self, Check.self, Status.self, Lanes.self, Tune.self, Restore.self, Snapshot.self, History.self,
      Fork.self, Calls.self, Reconcile.self, Audit.self, Export.self, Forget.self, DeadLetters.self, Bench.self, Agents.self,
    ])

  /// Returns the command that a command line names, such as `tidemark dead-letters replay`, for the hint that points to its help.
  static func commandPath(_ arguments: [String]) -> String {
    var path = [configuration.commandName ?? "tidemark"]
    var commands = configuration.subcommands
    for argument in arguments.dropFirst() {
      guard let command = commands.first(where: { ($0.configuration.commandName ?? "\($0)".lowercased()) == argument }) else { break }
      path.append(argument)
      commands = command.configuration.subcommands
    }
    return path.joined(separator: " ")
  }
}
