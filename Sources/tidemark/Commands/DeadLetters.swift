import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkCore

struct DeadLetters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "Entries that could not be applied: list, show, replay, discard.",
    subcommands: [List.self, Show.self, Replay.self, Discard.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Open dead letters, oldest first.")
    @OptionGroup var options: ConfigurationOptions
    @Option(name: .long, help: "Only those of this lane.") var lane: String?
    @Option(name: .long, help: "Only those with this reason.") var reason: String?
    @Flag(name: .long, help: "Those that are resolved, too.") var all = false
    @Option(name: .long, help: "At most this many.") var limit = 100
    @Flag(name: .long, help: "One JSON object a line.") var json = false

    func run() async throws {
      try await failing {
        let store = try Composition(try options.load()).makeDeadLetters()
        let letters = try await store.list(.init(lane: lane, reason: reason, includesResolved: all, limit: limit))
        for letter in letters { Console.print(json ? try DeadLetterText.json(letter) : DeadLetterText.line(letter)) }
        if letters.isEmpty, !json { Console.note("no dead letters") }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One dead letter with all its fields.")
    @OptionGroup var options: ConfigurationOptions
    @Flag(name: .long, help: "As JSON; fields that are not UTF-8 as base64.") var json = false
    @Argument(help: "Its number.") var id: Int64

    func run() async throws {
      try await failing {
        let letter = try await found(id, in: try Composition(try options.load()).makeDeadLetters())
        Console.print(json ? try DeadLetterText.json(letter) : DeadLetterText.page(letter))
      }
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Applies dead letters now, each at its own position; later values stay.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Their numbers.") var ids: [Int64] = []
    @Option(name: .long, help: "All open ones with this reason.") var reason: String?

    func validate() throws {
      guard !ids.isEmpty || reason != nil else { throw ValidationError("dead-letters replay: give numbers or --reason") }
    }

    func run() async throws {
      try await failing {
        let store = try Composition(try options.load()).makeDeadLetters()
        var wanted = ids
        if let reason {
          wanted += try await store.list(.init(lane: nil, reason: reason, includesResolved: false, limit: 1_000_000)).map(\.id)
        }
        var rejected = 0
        for id in wanted {
          let letter = try await found(id, in: store)
          guard letter.resolvedAt == nil else {
            Console.print("\(id) is resolved already: \(letter.resolution ?? "")")
            continue
          }
          switch try await store.replay(letter) {
          case .applied: Console.print("\(id) applied")
          case .alreadyThere: Console.print("\(id) was there already")
          case .rejectedAgain(let rejection):
            rejected += 1
            Console.print("\(id) rejected again, \(rejection.reason.rawValue): \(rejection.detail)")
          }
        }
        if rejected > 0 { throw ExitCode(1) }
      }
    }
  }

  struct Discard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Marks dead letters as dealt with; their bytes stay.")
    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "Their numbers.") var ids: [Int64]
    @Option(name: .long, help: "Why, for whoever looks later.") var because: String?

    func run() async throws {
      try await failing {
        let store = try Composition(try options.load()).makeDeadLetters()
        for id in ids {
          let letter = try await found(id, in: store)
          let isDone = try await store.discard(id, because: because)
          Console.print(isDone ? "\(id) discarded" : "\(id) is resolved already: \(letter.resolution ?? "")")
        }
      }
    }
  }

  private static func found(_ id: Int64, in store: DeadLetterStore) async throws -> DeadLetter {
    guard let letter = try await store.letter(id) else {
      throw CommandFailure.found("dead-letters: there is no dead letter \(id); see `tidemark dead-letters list`")
    }
    return letter
  }

  private static func failing(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as SinkError {
      throw CommandFailure.found("postgres: \(error.description)\(error.hint.map { "; \($0)" } ?? "")")
    } catch let error as Finding {
      throw CommandFailure.found(error.description)
    }
  }
}
