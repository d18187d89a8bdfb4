import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkCore
import TidemarkEngine
import TidemarkPostgres

struct Reconcile: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares Redis with PostgreSQL, and lists what is different.",
    discussion: """
      Everything that Redis still holds and PostgreSQL should have is compared, the state of each session in Redis with the one in \
      PostgreSQL, and the tables with the audit trail. Workers may run at the same time, and none is needed. What is found is recorded \
      in `divergences`. Exit code 1: something is different and not repaired.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "Only the entries of lanes whose names match this pattern, such as 'orders:*', and no state.")
  var lane: String?
  @Option(name: .long, help: "Only this session.") var session: String?
  @Flag(name: .long, help: "Apply again from Redis what PostgreSQL lacks, and write again what PostgreSQL can tell.") var repair = false
  @Flag(name: .long, help: "Write nothing: neither what is found nor repairs.") var dryRun = false
  @Flag(name: .long, help: "Print one JSON object per line.") var json = false

  private var comparison: ReconcileOptions { ReconcileOptions(session: session, repairs: repair, isDry: dryRun) }

  func validate() throws {
    if let session, !SessionKey.lengths.contains(session.utf8.count) { throw ValidationError("--session: is not 1 to 256 bytes long") }
    if lane?.isEmpty == true { throw ValidationError("--lane: is empty; give the name of a lane, or a pattern") }
  }

  func run() async throws {
    let composition = try Composition(try options.load())
    let line = ProgressLine()
    do {
      let sink = try composition.makeSink()
      // Without it, the streams of another installation would be compared with this one's changes.
      _ = try await composition.confirmedInstallation(sink)
      let pattern = lane.map { GlobPattern($0) }
      let lanes = try await composition.makeStatusStore(sink).lanes().map(\.record.name).filter { pattern?.matches($0) ?? true }
      if let lane, lanes.isEmpty {
        throw CommandFailure.found("reconcile: no lane matches \(ForeignText.line(lane)); `tidemark status` lists the lanes")
      }
      let (run, close) = try composition.makeReconcileRun(sink, comparison)
      var tally = Tally()
      if lane == nil { try await compareState(composition, sink, line, &tally) }
      try await run.run(lanes) { progress in
        line.show(Self.text(progress))
      } report: { result in
        line.clear()
        try tally.add(result, json: json, isDry: dryRun)
      }
      line.clear()
      await close()
      if !json { Console.note(tally.text(isDry: dryRun)) }
      if tally.open > 0 || tally.failures > 0 { throw ExitCode(1) }
    } catch let error as SinkError {
      line.clear()
      throw CommandFailure.found(error)
    } catch let error as SourceError {
      line.clear()
      throw CommandFailure.found("redis: \(error.description)")
    }
  }

  /// What is different is recorded, and then printed with what is different of its lane; only without a record it is printed here.
  private func compareState(_ composition: Composition, _ sink: PostgresSink, _ line: ProgressLine, _ tally: inout Tally) async throws {
    guard composition.lanes.partitions != nil else { return }
    let store = composition.makeHotStore()
    let run = composition.makeStateReconcileRun(sink, store, comparison)
    do {
      let end = try await run.run { progress in
        line.show(Self.text(progress))
      } report: { found in
        guard dryRun else { return }
        line.clear()
        try tally.add(dry: found, json: json)
      }
      tally.repaired += end.repaired
      await store.close()
    } catch {
      await store.close()
      throw error
    }
    line.clear()
  }

  private static func text(_ progress: StateReconcileRun.Progress) -> String {
    "\(progress.hot) sessions in Redis, \(progress.sessions) in the tables and \(progress.changes) changes compared, \(progress.found) differences"
  }

  private static func text(_ progress: ReconcileRun.Progress) -> String {
    "\(progress.place) of \(progress.lanes) lanes, \(progress.compared) entries compared, \(progress.found) differences: \(progress.lane)"
  }

  /// Prints results and counts them.
  private struct Tally {
    private(set) var open = 0
    var repaired = 0
    /// What was printed before it was known whether it is recorded.
    private var printed: Set<Divergence> = []
    private(set) var failures = 0

    mutating func add(dry found: [Divergence], json: Bool) throws {
      for divergence in found where printed.insert(divergence).inserted {
        open += 1
        let recorded = RecordedDivergence(unrecorded: divergence)
        Console.print(json ? try ReconcileText.json(recorded) : ReconcileText.line(recorded))
      }
    }

    mutating func add(_ result: ReconcileRun.LaneResult, json: Bool, isDry: Bool) throws {
      for repair in result.repairs where repair.isDone {
        repaired += 1
        Console.print(json ? try ReconcileText.json(repair, in: result.lane) : ReconcileText.line(repair, in: result.lane))
      }
      for divergence in result.open where !printed.contains(divergence.divergence) {
        open += 1
        Console.print(json ? try ReconcileText.json(divergence) : ReconcileText.line(divergence))
      }
      for repair in result.repairs where !repair.isDone {
        if let reason = ReconcileText.reason(repair) { Console.note(ForeignText.escaped("\(result.lane): \(reason)")) }
      }
      if let failure = result.failure {
        failures += 1
        Console.error("reconcile: \(ForeignText.line(result.lane)): \(failure)")
      }
    }

    func text(isDry: Bool) -> String {
      let found = open == 0 ? "nothing is different" : "\(open) difference\(open == 1 ? "" : "s")"
      return found + (repaired > 0 ? ", \(repaired) repaired" : "") + (isDry ? "; nothing was written" : "")
    }
  }
}
