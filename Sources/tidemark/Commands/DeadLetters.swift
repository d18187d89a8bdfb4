import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkCore
import TidemarkPostgres

struct DeadLetters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "Entries that could not be applied: list, show, replay, discard.",
    subcommands: [List.self, Show.self, Replay.self, Discard.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists open dead letters, oldest first.")
    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var filter: DeadLetterFilter
    @Flag(name: .long, help: "Include resolved dead letters.") var all = false
    @Option(name: .long, help: "The largest number of dead letters to list.") var limit = 100
    @Flag(name: .long, help: "Print one JSON object per line.") var json = false

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit: is not above 0") }
    }

    func run() async throws {
      try await failing {
        let store = try Composition(try options.load()).makeDeadLetters()
        let filter = try await self.filter.checked(in: store, includesResolved: all, limit: limit)
        let letters = try await store.list(filter)
        for letter in letters { Console.print(json ? try DeadLetterText.json(letter) : DeadLetterText.line(letter)) }
        if !json || letters.count == limit {
          Console.note(DeadLetterText.summary(try await store.counts(filter), listed: letters.count, isOpen: !all))
        }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows one dead letter with all its fields.")
    @OptionGroup var options: ConfigurationOptions
    @Flag(name: .long, help: "Print JSON; fields that are not UTF-8 are in base64.") var json = false
    @Argument(help: "The number of the dead letter.") var id: Int64

    func run() async throws {
      try await failing {
        let letter = try await found(id, in: try Composition(try options.load()).makeDeadLetters())
        Console.print(json ? try DeadLetterText.json(letter) : DeadLetterText.page(letter))
      }
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Applies dead letters now, each at its own position; later values are kept.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Numbers of dead letters.") var ids: [Int64] = []
    @OptionGroup var filter: DeadLetterFilter

    func validate() throws {
      guard ids.isEmpty != filter.isEmpty else { throw ValidationError("give numbers, or --reason or --lane") }
    }

    func run() async throws {
      try await failing {
        let composition = try Composition(try options.load())
        let store = try composition.makeDeadLetters()
        let replay = try store.makeReplay()
        let tally = Tally()
        let rejected = composition.makeRejectedNames()
        if !ids.isEmpty {
          try await replay.run(ids) {
            tally.report($0, of: ids.count)
            await rejected.forget(try await store.letters(tally.takeApplied()))
          }
        }
        if !filter.isEmpty {
          let filter = try await self.filter.checked(in: store)
          // Letters that are rejected again stay open, so the next portion begins after them.
          var last: Int64 = 0
          while case let open = try await store.openLetters(filter, after: last), let end = open.last {
            try await replay.run(open) {
              tally.report($0, of: nil)
              await rejected.forget(try await store.letters(tally.takeApplied()))
            }
            last = end
          }
          if last == 0 { Console.note("no open dead letters of this kind") }
        }
        tally.line.clear()
        await replay.close()
        await rejected.close()
        if tally.failed > 0 { throw ExitCode(1) }
      }
    }

    /// Prints the outcome of each replay and counts failures.
    private final class Tally {
      let line = ProgressLine()
      private var done = 0
      private(set) var failed = 0
      private var applied: [Int64] = []

      /// Returns the letters that were applied since the last call.
      func takeApplied() -> [Int64] {
        defer { applied = [] }
        return applied
      }

      func report(_ replays: [(letter: Int64, outcome: DeadLetterReplay.Outcome)], of count: Int?) {
        line.clear()
        for (id, outcome) in replays {
          switch outcome {
          case .replayed(.applied):
            applied.append(id)
            Console.print("\(id) applied")
          case .replayed(.alreadyThere):
            applied.append(id)
            Console.print("\(id) was already applied")
          case .replayed(.resolvedBefore(let resolution)): Console.print("\(id) is already resolved: \(ForeignText.escaped(resolution))")
          case .replayed(.rejectedAgain(let rejection)):
            failed += 1
            Console.print("\(id) rejected again, \(rejection.reason.rawValue): \(ForeignText.escaped(rejection.detail))")
          case .impossible(let why):
            failed += 1
            Console.print("\(id) can't be replayed: \(ForeignText.line(why))")
          }
        }
        done += replays.count
        line.show("\(done)\(count.map { " of \($0)" } ?? "") replayed")
      }
    }
  }

  struct Discard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Marks dead letters as resolved without applying them; their bytes are kept.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Numbers of dead letters; all or none are discarded.") var ids: [Int64] = []
    @OptionGroup var filter: DeadLetterFilter
    @Option(name: .long, help: "The reason, which is kept with the dead letter.") var because: String?

    func validate() throws {
      guard ids.isEmpty != filter.isEmpty else { throw ValidationError("give numbers, or --reason or --lane") }
    }

    func run() async throws {
      try await failing {
        let store = try Composition(try options.load()).makeDeadLetters()
        guard ids.isEmpty else {
          for (id, outcome) in try await discard(ids, in: store) {
            switch outcome {
            case .discarded: Console.print("\(id) discarded")
            case .resolvedBefore(let resolution): Console.print("\(id) is already resolved: \(ForeignText.escaped(resolution))")
            }
          }
          return
        }
        let count = try await store.discardAll(try await self.filter.checked(in: store), because: because)
        Console.print("\(count) discarded")
      }
    }

    private func discard(_ ids: [Int64], in store: DeadLetterStore) async throws -> [(id: Int64, outcome: DeadLetterStore.Discard)] {
      do {
        return try await store.discard(ids, because: because)
      } catch let error as UnknownDeadLetter {
        throw notFound(error.number, ", so none was discarded")
      }
    }
  }

  private static func found(_ id: Int64, in store: DeadLetterStore) async throws -> DeadLetter {
    guard let letter = try await store.letter(id) else { throw notFound(id) }
    return letter
  }

  private static func notFound(_ id: Int64, _ consequence: String = "") -> CommandFailure {
    CommandFailure.found("dead-letters: there is no dead letter \(id)\(consequence); see `tidemark dead-letters list`")
  }

  private static func failing(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as SinkError {
      throw CommandFailure.found(error)
    } catch let error as UnknownDeadLetter {
      throw notFound(error.number)
    }
  }
}
