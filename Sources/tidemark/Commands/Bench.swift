import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkServers
import UnixSignals

struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures throughput and commit lag on your own servers, beside the COPY limit.",
    discussion: """
      Uses its own schema and prefix (the configured names with _bench appended), removes both at the end, and refuses to use names that \
      are taken. Redis holds the whole backlog meanwhile, about 350 bytes per change; run it while the servers are otherwise idle.
      """)

  enum Part: String, CaseIterable, ExpressibleByArgument {
    case drain, lag, sweep
  }

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "The number of changes in each drain. Default: 300000.")
  var changes: Int?

  @Option(name: .long, help: "Changes per second at which commit lag is measured; may be given several times. Default: 500 and 2000.")
  var rate: [Int] = []

  @Option(name: .long, help: "A batch size for the sweep; may be given several times. Default: 100 to 20000 in seven steps.")
  var size: [Int] = []

  @Option(name: .long, help: "How many seconds to measure at each rate. Default: 10.")
  var seconds: Int?

  @Option(name: .customLong("repeat"), help: ArgumentHelp("Repeat everything this often; report medians and spread.", valueName: "rounds"))
  var rounds = 1

  @Option(name: .long, help: "Measure only this part; may be given several times.")
  var only: [Part] = []

  @Flag(name: .long, help: "A small trial run: 5000 changes, 200 per second for one second, three batch sizes.")
  var quick = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  @Option(name: .long, help: ArgumentHelp("Draw the sweep as SVG: throughput and lag against batch size.", valueName: "file"))
  var svg: String?

  func validate() throws {
    guard changes.map({ (1_000...10_000_000).contains($0) }) ?? true else {
      throw ValidationError("--changes: is not between 1000 and 10000000")
    }
    guard rate.allSatisfy({ (1...100_000).contains($0) }) else { throw ValidationError("--rate: is not between 1 and 100000") }
    guard size.allSatisfy({ (1...1_000_000).contains($0) }) else { throw ValidationError("--size: is not between 1 and 1000000") }
    guard (1...100).contains(rounds) else { throw ValidationError("--repeat: is not between 1 and 100") }
    guard svg == nil || only.isEmpty || only.contains(.sweep) else {
      throw ValidationError("--svg: draws the sweep, which --only excludes; add --only sweep")
    }
    guard seconds.map({ (1...3600).contains($0) }) ?? true else { throw ValidationError("--seconds: is not between 1 and 3600") }
  }

  private var plan: BenchPlan {
    BenchPlan(
      parts: Set((only.isEmpty ? Part.allCases : only).compactMap { BenchPlan.Part(rawValue: $0.rawValue) }),
      changes: changes ?? (quick ? 5_000 : 300_000), sessions: 2_000, rates: !rate.isEmpty ? rate : quick ? [200] : [500, 2_000],
      duration: .seconds(seconds ?? (quick ? 1 : 10)), sizes: sizes, roundTrips: quick ? 200 : 2_000, rounds: rounds, seed: 1)
  }

  /// The batch sizes of the sweep, each once.
  private var sizes: [Int] {
    guard size.isEmpty else { return Set(size).sorted() }
    return quick ? [100, 1_000, 5_000] : [100, 500, 1_000, 2_000, 5_000, 10_000, 20_000]
  }

  func run() async throws {
    try requireWritable()
    let place = try own(of: try options.load())
    let composition = try Composition(place.loaded)
    let batch = place.loaded.configuration.batch
    let subject = Benchmark.Subject(
      version: Tidemark.version, isOptimized: Self.isOptimized, batchMaxEntries: batch.maxEntries,
      writers: composition.workerSettings.writers)
    let sources = (options.config.map { ["--config", $0] } ?? []) + options.set.flatMap { ["--set", $0] }
    let line = ProgressLine()
    let bench = Benchmark(
      plan, in: composition.benchPlace, of: subject, folder: try? await Self.serverFolder(),
      startWorker: { settings in
        try await BenchProcess.start(sources, settings: settings.merging(place.settings) { own, _ in own })
      }, progress: { line.show($0) })
    do {
      let report = try await Self.stoppable { try await bench.run() }
      line.clear()
      Console.print(json ? try report.json() : BenchTable(report).render())
      if let svg, let sweep = report.sweep { try draw(sweep, to: svg) }
    } catch let error as Finding {
      line.clear()
      throw CommandFailure.found(error.description)
    } catch let error as ServerError {
      line.clear()
      throw CommandFailure.found("bench: \(error)")
    } catch is CancellationError {
      line.clear()
      throw CommandFailure.found("bench: stopped; its schema and its keys were removed")
    }
  }

  /// Checks that the SVG file can be written before the measurements begin, since they take minutes.
  private func requireWritable() throws {
    guard let svg else { return }
    let folder = URL(fileURLWithPath: svg).deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: FileManager.default.fileExists(atPath: svg) ? svg : folder) else {
      throw CommandFailure.wrong("--svg: can't write \(svg); name a file in an existing folder that you can write to")
    }
  }

  private func draw(_ sweep: SweepResult, to path: String) throws {
    do {
      try SweepChart(sweep).render().write(toFile: path, atomically: true, encoding: .utf8)
      Console.note("the chart is in \(path)")
    } catch {
      throw CommandFailure.found("bench: can't write \(path) (\(error.localizedDescription)); the figures are above")
    }
  }

  /// Returns the configuration with the benchmark's own schema and prefix, and without the user's other lanes.
  private func own(of given: LoadedConfiguration) throws -> (loaded: LoadedConfiguration, settings: [String: String]) {
    let settings = [
      "postgres.schema": "\(given.configuration.postgres.schema)_bench", "redis.prefix": "\(given.configuration.redis.prefix)_bench",
      "state.enabled": "true", "lanes": "[]",
    ]
    do {
      return (try given.applying(settings.map { Overlay(key: $0.key, value: $0.value, source: .command("bench")) }), settings)
    } catch {
      throw CommandFailure.wrong(error)
    }
  }

  /// Creates the folder for COPY by the server. Every user may write into it, because the user that the server runs as is unknown. The
  /// sticky bit keeps users from each other's files, and no user may list the names.
  private static func serverFolder() async throws -> String {
    let folder = try await ScratchSpace.current().folder("copy")
    chmod(folder, 0o1733)
    return folder
  }

  /// Runs `body`, which Ctrl-C and SIGTERM cancel, and waits until it has cleaned up and ended.
  private static func stoppable<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
    let work = Task { try await body() }
    let signals = Task {
      for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { work.cancel() }
    }
    defer { signals.cancel() }
    return try await work.value
  }

  private static var isOptimized: Bool {
    #if DEBUG
      false
    #else
      true
    #endif
  }
}
