import ArgumentParser
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore

struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Puts sessions back into Redis as PostgreSQL knows them.",
    discussion: """
      It first waits until a worker has committed what Redis still holds of the sessions' lanes. Sessions that are in Redis are left alone, \
      so an interrupted restore may be started again. Sessions that are written by plain XADD have no state in Redis: they are left out \
      unless they are named.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "This session; may be given several times.") var session: [String] = []
  @Flag(name: .long, help: "All sessions.") var all = false
  @Option(name: .long, help: "All sessions of this user.") var user: String?
  @Option(name: .long, help: "All sessions of this tenant.") var tenant: String?
  @Option(name: .long, help: "All sessions of this agent.") var agent: String?
  @Option(name: .long, help: "Only sessions with this status, such as active.") var status: String?
  @Option(
    name: .long,
    help: "The state to restore: after an entry such as 1795389463124-98, or at a time such as 2026-11-27T04:43:22Z. Default: the latest.")
  var at: ForkPoint?
  @Flag(name: .long, help: "Also replace sessions that are in Redis, whatever their state there.") var overwrite = false
  @Flag(name: .long, help: "Only count what would be restored; changes nothing.") var dryRun = false
  @Option(name: .long, help: "The largest number of sessions per second.") var rate: Int?
  @Option(name: .long, help: "The time to wait for changes that are not committed yet.") var wait: SettingDuration = "30s"
  @Flag(name: .long, help: "Print the result as JSON.") var json = false

  func validate() throws {
    guard session.isEmpty == (all || user != nil || tenant != nil || agent != nil) else {
      throw ValidationError("give --session, or one or more of --user, --tenant and --agent, or --all")
    }
    guard session.isEmpty || status == nil else { throw ValidationError("--status: can't be combined with --session") }
    guard !all || (user == nil && tenant == nil && agent == nil) else {
      throw ValidationError("--all: can't be combined with --user, --tenant or --agent")
    }
    guard rate ?? 1 > 0 else { throw ValidationError("--rate: is not above 0") }
    for id in session where !SessionKey.lengths.contains(id.utf8.count) {
      throw ValidationError("--session: is not 1 to 256 bytes long")
    }
  }

  func run() async throws {
    try await SessionTools.with(options) { tools in
      let line = ProgressLine()
      if !dryRun { try await waitForCommits(tools, line) }
      let selection: RestoreRun.Selection =
        session.isEmpty
        ? .matching(SessionFilter(agent: agent, user: user, tenant: tenant, status: status)) : .named(session)
      let run = RestoreRun(
        restorer: tools.restorer, ledger: tools.sink, store: tools.store, overwrites: overwrite, at: at?.entry, rate: rate)
      let tally = try await run.run(selection, isDryRun: dryRun) { sessions in
        try await tools.waitForCommits(of: tools.lanes(of: sessions), within: wait.duration)
      } progress: {
        line.show("\($0.restored) restored, \($0.alreadyHot) already in Redis")
      }
      line.clear()
      Console.print(json ? self.json(tally) : text(tally))
      if tally.unknown > 0 || tally.refused > 0 || tally.changedMeanwhile > 0 { throw ExitCode(1) }
    }
  }

  /// Without what Redis still holds of the sessions, the restore would put back the past.
  private func waitForCommits(_ tools: SessionTools, _ line: ProgressLine) async throws {
    let lanes = session.isEmpty ? tools.lanes.partitionLanes : tools.lanes(of: session)
    line.show("waiting for commits")
    try await tools.waitForCommits(of: lanes, within: wait.duration)
    line.clear()
  }

  private func text(_ tally: RestoreRun.Tally) -> String {
    var parts = ["\(tally.restored) \(dryRun ? "would be restored" : "restored")", "\(tally.alreadyHot) already in Redis"]
    if tally.changedMeanwhile > 0 { parts.append("\(tally.changedMeanwhile) changed meanwhile") }
    if tally.plain > 0 { parts.append("\(tally.plain) written by plain XADD left out") }
    if tally.unknown > 0 { parts.append("\(tally.unknown) unknown to PostgreSQL") }
    if let refusal = tally.lastRefusal { parts.append("\(tally.refused) refused by Redis (\(refusal))") }
    return parts.joined(separator: ", ")
  }

  private func json(_ tally: RestoreRun.Tally) -> String {
    """
    {"restored": \(tally.restored), "already_hot": \(tally.alreadyHot), "changed_meanwhile": \(tally.changedMeanwhile), \
    "unknown": \(tally.unknown), "refused": \(tally.refused), "plain": \(tally.plain), "dry_run": \(dryRun)}
    """
  }
}
