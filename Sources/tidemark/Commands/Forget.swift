import ArgumentParser
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkPostgres

struct Forget: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Erases a session, or all sessions of a user or a tenant, from PostgreSQL and from Redis, and leaves a receipt.",
    discussion: """
      Workers go on meanwhile, and at least one must run: what Redis still holds of the sessions is committed first. A command that was \
      interrupted goes on when it is run again. Backups and archived WAL are not reached.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "This session.") var session: String?
  @Option(name: .long, help: "All sessions of this user.") var user: String?
  @Option(name: .long, help: "All sessions of this tenant.") var tenant: String?
  @Flag(name: .long, help: "Only count what would be erased; changes nothing.") var dryRun = false
  @Option(name: .long, help: "The time to wait for changes that are not committed yet.") var wait: SettingDuration = "30s"
  @Flag(name: .long, help: "Print the receipt as JSON.") var json = false

  func validate() throws {
    guard [session, user, tenant].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("give one of --session, --user and --tenant")
    }
    for (option, name) in [("--session", session), ("--user", user), ("--tenant", tenant)] {
      guard name != "" else { throw ValidationError("\(option): is empty") }
    }
    guard session.map({ SessionKey.lengths.contains($0.utf8.count) }) ?? true else {
      throw ValidationError("--session: is not 1 to 256 bytes long")
    }
  }

  private var subject: ErasureSubject {
    session.map { ErasureSubject(.session, $0) } ?? user.map { ErasureSubject(.user, $0) } ?? ErasureSubject(.tenant, tenant ?? "")
  }

  func run() async throws {
    try await SessionTools.with(options) { tools in
      let line = ProgressLine()
      defer { line.clear() }
      let run = try tools.erasure()
      if dryRun {
        let counts = try await run.preview(subject) { line.show($0) }
        line.clear()
        Console.print(json ? "{\"dry_run\": true, \"counts\": \(Self.json(counts))}" : "would erase \(Self.text(counts))")
        return
      }
      let (receipt, isResumed) = try await run.run(subject, isRefused: tools.refusesForgotten, host: Composition.identity().host) { lanes in
        try await tools.waitForCommits(of: lanes, within: wait.duration)
      } progress: {
        line.show($0)
      }
      line.clear()
      if isResumed { Console.note("went on with erasure \(receipt.id), which was interrupted") }
      Console.print(json ? Self.json(receipt) : "erasure \(receipt.id): erased \(receipt.counts); left \(receipt.left)")
      guard receipt.finishedAt != nil else {
        throw CommandFailure.found(
          "forget: something was left (\(receipt.left)), so that erasure \(receipt.id) is not finished; run the command again")
      }
    }
  }

  private static func json(_ counts: [String: Int]) -> String {
    let fields = counts.sorted { $0.key < $1.key }.map { "\(JSONText.quoted($0.key)): \($0.value)" }
    return "{\(fields.joined(separator: ", "))}"
  }

  private static func text(_ counts: [String: Int]) -> String {
    let parts = counts.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return parts.isEmpty ? "nothing: both servers know nothing of it" : parts.joined(separator: ", ")
  }

  private static func json(_ receipt: ErasureStore.Receipt) -> String {
    """
    {"erasure": \(receipt.id), "subject": "\(receipt.subject)", "what": "\(receipt.what)", "refused": \(receipt.isRefused), \
    "counts": \(receipt.counts), "left": \(receipt.left), "at": "\(receipt.at)", "by": \(JSONText.quoted(receipt.by)), \
    "finished_at": \(receipt.finishedAt.map { "\"\($0)\"" } ?? "null")}
    """
  }
}
