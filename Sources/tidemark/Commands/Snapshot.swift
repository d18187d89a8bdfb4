import ArgumentParser
import TidemarkConfiguration
import TidemarkCore

struct Snapshot: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Takes a snapshot of a session: writes `snapshot.requested` like any change, and waits until it is committed.")

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "The session.") var session: String
  @Option(name: .long, help: "Why it is taken; kept with the snapshot.") var reason: String?
  @Option(name: .long, help: "The time to wait for the commit.") var wait: SettingDuration = "30s"

  func run() async throws {
    try await SessionTools.with(options) { tools in
      guard let isNumbered = try await tools.sessions.isNumbered(session) else {
        throw CommandFailure.found("snapshot: PostgreSQL knows no session \(session)")
      }
      let change = SessionChange(type: "snapshot.requested", fields: reason.map { ["reason", $0] } ?? [])
      let entry = try await tools.writer(within: wait.duration).write(change, to: session, isNumbered: isNumbered)
      try await tools.waitForCommit(entry, of: session, within: wait.duration, "the snapshot is requested as entry \(entry)")
      Console.print("\(session)  \(entry)")
    }
  }
}

/// A duration on the command line, written as in the configuration: `30s`, `5m`.
struct SettingDuration: ExpressibleByArgument, ExpressibleByStringLiteral {
  let duration: Duration
  let defaultValueDescription: String

  init?(argument: String) {
    guard let duration = Duration(settingText: argument) else { return nil }
    self.duration = duration
    defaultValueDescription = argument
  }

  init(stringLiteral value: String) {
    duration = Duration(settingText: value) ?? .zero
    defaultValueDescription = value
  }
}
