import Foundation
import TidemarkServers
import TidemarkTestKit

/// An installation as a user has it: a Redis, a Postgres, and the executable with its settings.
struct Product: Sendable {
  let redis: RedisServer
  let postgres: PostgresServer
  /// The settings by key, such as `state.partitions`; they are passed through the environment.
  var settings: [String: String]

  /// The only lane of an installation with one partition.
  static let lane = "tidemark:{0}:changes"

  var environment: [String: String?] { environment([:]) }

  /// Returns the settings, overridden by `others`; `redis.url` and `postgres.url` lead to the servers unless given.
  func environment(_ others: [String: String]) -> [String: String?] {
    let all = ["redis.url": redis.url, "postgres.url": postgres.url].merging(settings) { $1 }.merging(others) { $1 }
    return Dictionary(
      uniqueKeysWithValues: all.map { ("TIDEMARK_\($0.key.uppercased().replacing(".", with: "_"))", $0.value) })
  }

  /// Runs a command to its end.
  func run(_ arguments: String..., settings: [String: String] = [:]) async throws -> TidemarkProcess.Outcome {
    try await TidemarkProcess.run(arguments, environment: environment(settings))
  }

  /// Starts a worker without its HTTP server, and waits until it replicates.
  func startWorker(_ arguments: String..., settings: [String: String] = [:]) async throws -> TidemarkProcess {
    let worker = try await TidemarkProcess.start(["run", "--listen", "off"] + arguments, environment: environment(settings))
    try await worker.waitForOutput("worker.started")
    return worker
  }

  /// Returns the rows of a query, with columns separated by `|`.
  func rows(_ sql: String) async throws -> [String] {
    let text = try await postgres.psql(sql)
    return text.isEmpty ? [] : text.components(separatedBy: "\n")
  }

  @discardableResult
  func value(_ sql: String) async throws -> String { try await postgres.psql(sql) }

  /// Runs one plain `redis-cli XADD` and returns the entry's id.
  @discardableResult
  func add(_ fields: KeyValuePairs<String, String>, to lane: String = Product.lane) async throws -> String {
    let words = ["XADD", lane, "*"] + fields.flatMap { [$0.key, $0.value] }
    return try await redis.commands(words.map(Self.quoted).joined(separator: " ") + "\n")
  }

  /// Adds `count` messages of one session, numbered from `first`, in one call.
  func addMessages(_ count: Int, session: String = "s", from first: Int = 1, to lane: String = Product.lane) async throws {
    let lines = (first..<first + count).map {
      "XADD \(lane) * type message.appended session \(session) role user content \"message \($0)\" tokens \($0)"
    }
    _ = try await redis.commands(lines.joined(separator: "\n") + "\n")
  }

  /// Returns the number of entries that Redis has ever added to these streams.
  func entriesAdded(_ lanes: [String]) async throws -> Int {
    let answers = try await redis.commands(lanes.map { "XINFO STREAM \($0)\n" }.joined())
    let lines = answers.components(separatedBy: "\n")
    return lines.indices.filter { lines[$0] == "entries-added" }.reduce(0) { $0 + (Int(lines[$1 + 1]) ?? 0) }
  }

  /// Waits until every entry of these lanes is accounted for in Postgres.
  func waitUntilCaughtUp(_ lanes: [String] = [Product.lane], within limit: Duration = .seconds(180)) async throws {
    let added = try await entriesAdded(lanes)
    let names = lanes.map { "'\($0)'" }.joined(separator: ", ")
    try await waitUntil("\(added) entries of \(lanes.count) lanes are in Postgres", within: limit) {
      let sql = "select coalesce(sum(read_total + missing_total + baseline), 0) from tidemark.lanes where lane in (\(names))"
      // A Postgres that is just restarting does not answer.
      return (try? await value(sql)) == "\(added)"
    }
  }

  /// Waits until a query returns exactly this answer.
  func waitFor(_ answer: String, _ sql: String, within limit: Duration = .seconds(180)) async throws {
    try await waitUntil("\(sql) answers \(answer)", within: limit) { try await value(sql) == answer }
  }

  /// Returns the lanes whose accounting does not add up.
  func discrepancies() async throws -> [String] {
    try await rows(
      """
      select lane from tidemark.lanes
       where read_total <> applied_total + duplicates_total + divergent_total + ephemeral_total + skipped_total + dead_letters_total
          or ordinal <> read_total + missing_total + baseline
      """)
  }

  /// Returns the lanes whose numbers have gaps, or whose positions fall while the numbers rise.
  func disorders() async throws -> [String] {
    try await rows(
      """
      select distinct lane from (
        select lane, no, row_number() over (partition by lane order by entry_ms, entry_no) as place from tidemark.changes) as c
       where no <> place
      """)
  }

  private static func quoted(_ word: String) -> String {
    "\"" + word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
  }
}

/// Runs `body` with a migrated installation, which has one partition unless the settings say otherwise.
func withProduct(
  _ settings: [String: String] = [:], redis: RedisServer.Options = .init(), postgres: PostgresServer.Options = .shared,
  isMigrated: Bool = true, _ body: (Product) async throws -> Void
) async throws {
  try await withServers(redis: redis, postgres: postgres) { servers in
    let defaults = ["state.partitions": "1", "lease.ttl": "1s", "discover": "100ms", "retry.cap": "500ms"]
    let product = Product(redis: servers.redis, postgres: servers.postgres, settings: defaults.merging(settings) { $1 })
    if isMigrated {
      let outcome = try await product.run("migrate")
      guard outcome.exitCode == 0 else { throw ServerError(.programFailed, outcome.standardError) }
    }
    try await body(product)
  }
}

extension TidemarkProcess {
  /// The peak of the process' resident memory in KiB.
  var peakMemory: Int {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
  }

  /// Stops the process with SIGTERM, waits, and returns its exit code.
  func stop() async throws -> Int32 {
    signal(SIGTERM)
    return try await waitForExit()
  }
}
