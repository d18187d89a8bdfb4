import ArgumentParser
import Foundation
import TidemarkConfiguration
import TidemarkCore

struct Fork: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes a new session that begins with another session's state.",
    discussion: """
      The new session gets the other's visible messages, calls (open ones as cancelled) and context after an entry or at a time. The other \
      session is its parent, and stays as it is.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "The session to fork.") var session: String
  @Option(name: .long, help: "The last entry to take over, such as 1795389463124-98, or a time such as 2026-11-27T04:43:22Z. Default: now.")
  var at: ForkPoint?
  @Option(name: [.customLong("as")], help: "The name of the new session. Default: made from the other's.") var name: String?
  @Option(name: .long, help: "The time to wait for commits.") var wait: SettingDuration = "30s"

  func validate() throws {
    if let name, !SessionKey.lengths.contains(name.utf8.count) { throw ValidationError("--as: is not 1 to 256 bytes long") }
    guard name != session else { throw ValidationError("--as: is the session itself") }
  }

  func run() async throws {
    try await SessionTools.with(options) { tools in
      // What the session has in Redis belongs to its state, as far as the fork goes.
      try await tools.waitForCommits(of: [tools.lane(of: session)], through: at?.entry, within: wait.duration)
      let new = name ?? "\(session)-fork-\(UUID().uuidString.prefix(8).lowercased())"
      switch try await tools.forker.fork(session, at: at?.entry, as: new) {
      case .unknown: throw CommandFailure.found("fork: PostgreSQL knows no session \(session)\(at == nil ? "" : " at that point")")
      case .exists: throw CommandFailure.found("fork: the session \(new) exists; give another name with --as")
      case .forked(let changes, let last):
        try await tools.waitForCommit(last, of: new, within: wait.duration, "the fork \(new) is written")
        if let letters = try await tools.sessions.deadLetters(of: new, in: tools.lane(of: new)) {
          let (changes, outcome) =
            letters.count == 1 ? ("1 change", "became a dead letter") : ("\(letters.count) changes", "became dead letters")
          throw CommandFailure.found(
            "fork: \(changes) of the fork \(new) \(outcome), the first \(letters.entry) (\(letters.reason)): the fork is not whole; see "
              + "`tidemark dead-letters list`")
        }
        Console.print(new)
        Console.note("\(changes) changes, durable")
      }
    }
  }
}

/// A point in a session's past: an entry, or all entries up to a time.
struct ForkPoint: ExpressibleByArgument {
  let entry: EntryID

  init?(argument: String) {
    if let id = EntryID(argument) {
      entry = id
    } else if let date = try? Date(argument, strategy: .iso8601) {
      entry = EntryID(ms: UInt64(max(0, date.timeIntervalSince1970 * 1000)), no: UInt64(Int64.max))
    } else {
      return nil
    }
  }
}
