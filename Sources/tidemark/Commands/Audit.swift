import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore

struct Audit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Verifies that what PostgreSQL stores of each change is what was sealed, and that the counters add up.",
    discussion: """
      It changes nothing, and runs beside workers. Whoever has all rights in PostgreSQL could compute the seals anew: that is found by the \
      newest seals in Redis, and by those in an anchor, a file that you keep elsewhere. The exit code is 1 if there is a difference.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "Only lanes that match this pattern, such as 'orders:*'.") var lane: String?
  @Option(name: .long, help: "Only changes that were sealed since this time, such as 2026-11-27T04:43:22Z.") var since: SealTime?
  @Option(
    name: .long, help: "Compare with the seals in this file if there is one, and replace it where no difference was found.")
  var anchor: String?
  @Option(name: .long, help: "The number of lanes that are compared at the same time.") var parallel = 4
  @Flag(name: .long, help: "Print the result as JSON.") var json = false

  func validate() throws {
    guard (1...64).contains(parallel) else { throw ValidationError("--parallel: is not between 1 and 64") }
    guard anchor == nil || (since == nil && lane == nil) else {
      throw ValidationError("--anchor: is about all changes of all lanes, so it can't be combined with --lane or --since")
    }
  }

  func run() async throws {
    let composition = try Composition(try options.load())
    let kept = try anchorHeads()
    let redis = composition.makeSealHeads()
    do {
      let line = ProgressLine()
      let stores = try (0..<parallel).map { _ in try composition.makeAuditStore() }
      guard let installation = try await composition.makeSink().installation(askedBy: nil, within: .zero)?.id else {
        throw CommandFailure.found("postgres.schema: there is no installation; run `tidemark migrate`")
      }
      if let other = kept?.file.installation, other != installation.text {
        throw CommandFailure.found("\(anchor ?? ""): is the anchor of the installation \(other), and this is \(installation.text)")
      }
      let pattern = lane.map { GlobPattern($0) }
      let report = try await AuditRun(stores: stores).run(of: { pattern?.matches($0) ?? true }, since: since?.text) { lanes in
        let held = try await redis.heads(of: lanes).compactMap { $0.map { AuditRun.KeptHead($0, in: "Redis") } }
        return held + (kept?.heads ?? []).map { AuditRun.KeptHead($0, in: anchor ?? "") }
      } progress: { compared, total in
        line.show("\(compared) of \(total) changes compared")
      }
      line.clear()
      await redis.close()
      Console.print(json ? try report.json() : report.text())
      guard report.isClean else { throw ExitCode(1) }
      if let anchor { try write(AnchorFile(installation: installation, heads: report.lanes.compactMap(\.head)), to: anchor) }
    } catch let error as SinkError {
      throw CommandFailure.found(error)
    } catch let error as SourceError {
      throw CommandFailure.found("redis: \(error.description)")
    }
  }

  private func anchorHeads() throws -> (file: AnchorFile, heads: [SealHead])? {
    guard let anchor else { return nil }
    do {
      return try AnchorFile.read(anchor).map { ($0, try $0.heads(anchor)) }
    } catch {
      throw CommandFailure.wrong("--anchor: \(error)")
    }
  }

  private func write(_ file: AnchorFile, to path: String) throws {
    do {
      try file.write(path)
    } catch {
      throw CommandFailure.found("--anchor: \(error)")
    }
  }
}

/// A time on the command line, kept as PostgreSQL reads it.
struct SealTime: ExpressibleByArgument {
  let text: String

  init?(argument: String) {
    guard let date = try? Date(argument, strategy: .iso8601) else { return nil }
    text = date.formatted(.iso8601)
  }
}
