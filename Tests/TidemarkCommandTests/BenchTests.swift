import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// `bench` measures beside an installation that is in use, and leaves nothing behind. The figures are never judged here.
@Suite(.serialized) struct BenchTests {
  private func report(_ outcome: TidemarkProcess.Outcome, location: SourceLocation = #_sourceLocation) throws -> BenchOutput {
    try #require(outcome.exitCode == 0, "\(outcome.standardError)", sourceLocation: location)
    return try BenchOutput(outcome.standardOutput)
  }

  /// Checks that the schema, the keys and the workers' sessions are gone.
  private func expectGone(_ product: Product, location: SourceLocation = #_sourceLocation) async throws {
    #expect(try await product.value(Self.schemas) == "0", sourceLocation: location)
    #expect(try await product.redis.command("KEYS", "tidemark_bench*") == "", sourceLocation: location)
    try await product.waitFor(
      "0", "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'tidemark'")
  }

  private static let schemas = "select count(*) from pg_namespace where nspname = 'tidemark_bench'"

  @Test func aQuickRunMeasuresEverythingAndLeavesNothingBehind() async throws {
    try await withProduct(["state.partitions": "4"]) { product in
      try await product.addMessages(3)
      let picture = "\(try await ScratchSpace.current().folder("picture"))/sweep.svg"
      let outcome = try await product.run(
        "bench", "--quick", "--changes", "1500", "--rate", "150", "--size", "1000", "--size", "100", "--json", "--svg", picture)
      let report = try report(outcome)
      #expect(report.rounds.map(\.roundTrips.count) == [6] && report.rounds[0].roundTrips.allSatisfy { $0.p50Microseconds > 0 })
      #expect(report.drains.map(\.load) == ["messages", "mix"])
      for drain in report.drains {
        #expect(drain.changes == 1_500 && drain.tables["change_log"] == 1_500)
        #expect(drain.ofLimit > 0 && drain.changesPerSecond > 0 && drain.limit.seconds > 0)
        #expect(drain.workerCpuSeconds > 0 && drain.workerPeakBytes > 1 << 20)
        // The role may not use files on the server.
        #expect(drain.limit.source == "connection")
      }
      #expect(report.drains.first?.tables["messages"] == 1_500)
      #expect(report.lags.map(\.rate) == [150])
      #expect(report.lags.map(\.lag.count) == [150] && report.lags.map(\.sentLate.count) == [150])
      let sweep = try #require(report.sweep)
      #expect(sweep.points.map(\.maxEntries) == [100, 1_000])
      #expect(sweep.points.allSatisfy { $0.lag.count == 150 && $0.changesPerSecond > 0 })
      #expect(sweep.advice == ["batch.max_entries": "\(sweep.kneeMaxEntries)"])
      #expect(try String(contentsOfFile: picture, encoding: .utf8).hasPrefix("<svg"))
      #expect(outcome.standardError == "the chart is in \(picture)\n")
      try await expectGone(product)
      // The installation beside the benchmark was not changed.
      #expect(try await product.redis.command("XLEN", Product.lane) == "3")
      #expect(try await product.value("select count(*) from tidemark.lanes") == "0")
    }
  }

  @Test func theLimitReadsFilesOfTheServerWhereTheRoleMay() async throws {
    try await withProduct { product in
      let superuser = product.postgres.url(database: product.postgres.database, role: "postgres")
      let outcome = try await product.run(
        "bench", "--quick", "--only", "drain", "--changes", "1000", "--json", settings: ["postgres.url": superuser])
      let report = try report(outcome)
      #expect(report.drains.map(\.limit.source) == ["server_files", "server_files"])
      #expect(report.lags.isEmpty && report.sweep == nil)
    }
  }

  @Test func whatSomebodyElseMadeIsRefusedAndKept() async throws {
    try await withProduct { product in
      func expectRefused(_ what: String, _ hint: String, location: SourceLocation = #_sourceLocation) async throws {
        let outcome = try await product.run("bench", "--quick")
        #expect(outcome.exitCode == 1 && outcome.standardOutput.isEmpty, sourceLocation: location)
        let lines = outcome.standardError.split(separator: "\n")
        #expect(lines.count == 1, "\(outcome.standardError)", sourceLocation: location)
        #expect(outcome.standardError.contains(what) && outcome.standardError.contains(hint), sourceLocation: location)
      }
      try await product.value("create schema tidemark_bench; create table tidemark_bench.mine as select 1 as n")
      try await expectRefused("the schema tidemark_bench exists and was not made by", "set another postgres.schema")
      #expect(try await product.value("select n from tidemark_bench.mine") == "1")
      try await product.value("drop schema tidemark_bench cascade")

      try await product.add(["a": "b"], to: "tidemark_bench:{0}:changes")
      try await expectRefused("the key tidemark_bench:{0}:changes exists and was not made by", "set another redis.prefix")
      #expect(try await product.redis.command("XLEN", "tidemark_bench:{0}:changes") == "1")
      #expect(try await product.value(Self.schemas) == "0")
    }
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsItAndWhatItMadeIsRemoved(signal: Int32) async throws {
    try await withProduct { product in
      let bench = try await TidemarkProcess.start(["bench", "--changes", "2000"], environment: product.environment)
      // The benchmark's worker is running.
      try await waitUntil("a drain") {
        Int((try? await product.value("select count(*) from tidemark_bench.workers")) ?? "") ?? 0 > 0
      }
      let second = try await product.run("bench", "--quick")
      #expect(second.exitCode == 1)
      #expect(second.standardError.contains("another `tidemark bench` uses the schema"))

      bench.signal(signal)
      #expect(try await bench.waitForExit() == 1)
      #expect(bench.standardError == "tidemark: bench: stopped; its schema and its keys were removed\n")
      try await expectGone(product)
    }
  }

  @Test func whatAKilledOneLeftIsRemovedByTheNext() async throws {
    try await withProduct { product in
      let bench = try await TidemarkProcess.start(["bench", "--only", "lag"], environment: product.environment)
      try await waitUntil("its worker is at work") {
        Int((try? await product.value("select count(*) from tidemark_bench.workers")) ?? "") ?? 0 > 0
      }
      await bench.kill()
      #expect(try await product.value(Self.schemas) == "1")
      // The killed benchmark's sessions end when the server notices.
      try await product.waitFor(
        "0", "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'tidemark'")
      let next = try await product.run("bench", "--quick", "--only", "lag", "--rate", "100")
      #expect(next.exitCode == 0, "\(next.standardError)")
      #expect(next.standardOutput.contains("LAG AT"))
      try await expectGone(product)
    }
  }

  @Test func aWorkerThatDiesIsSaidAndCleanedUpAfter() async throws {
    try await withProduct { product in
      let bench = try await TidemarkProcess.start(["bench", "--only", "lag", "--seconds", "1"], environment: product.environment)
      let pid = "select pid from tidemark_bench.workers"
      try await waitUntil("its worker is at work") { Int((try? await product.value(pid)) ?? "") != nil }
      kill(try #require(Int32(try await product.value(pid))), SIGKILL)
      #expect(try await bench.waitForExit() == 1)
      #expect(bench.standardError.hasPrefix("tidemark: bench: the worker ended: "), "\(bench.standardError)")
      #expect(bench.standardError.split(separator: "\n").count == 1)
      try await expectGone(product)
    }
  }

  @Test(arguments: [
    (["--rate", "0"], "--rate"), (["--changes", "10"], "--changes"), (["--size", "0"], "--size"),
    (["--only", "drain", "--svg", "x.svg"], "--only sweep"), (["--svg", "/nowhere/x.svg"], "can't write /nowhere/x.svg"),
    (["--only", "everything"], "everything"),
  ]) func aWrongFlagIsSaidBeforeAnyConnection(flags: [String], word: String) async throws {
    let outcome = try await TidemarkProcess.run(
      ["bench"] + flags, environment: ["TIDEMARK_REDIS_URL": "redis://127.0.0.1:1", "TIDEMARK_POSTGRES_URL": "postgresql://127.0.0.1:1/x"])
    #expect(outcome.exitCode == 2)
    #expect(outcome.standardError.split(separator: "\n").count == 1 && outcome.standardError.contains(word), "\(outcome.standardError)")
  }
}
