import ArgumentParser
import Foundation
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkPostgres
import TidemarkServers

struct Dev: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs everything: a private Redis and Postgres, the worker, sample agents, the status page.",
    discussion: "Ctrl-C stops everything; the data stay in the folder.")

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "The folder for the servers' data. Default: .tidemark, or /var/lib/tidemark-dev as root.")
  var dir: String?

  @Option(name: .customLong("for"), help: ArgumentHelp("Stop after this many seconds and print a summary.", valueName: "seconds"))
  var seconds: Int?

  @Option(name: .long, help: "The number of sample agents; 0 for none.")
  var agents = 20

  @Option(name: .long, help: "Changes per second, of all agents together.")
  var rate = 200

  @Option(
    name: .long, help: "The status page's address. Default: 127.0.0.1:9847, or a free port if that is in use at the first start.")
  var listen: String?

  func validate() throws {
    guard seconds.map({ $0 > 0 }) ?? true else { throw ValidationError("--for: is not above 0") }
    guard (0...100_000).contains(agents) else { throw ValidationError("--agents: is not between 0 and 100000") }
    guard (1...1_000_000).contains(rate) else { throw ValidationError("--rate: is not between 1 and 1000000") }
  }

  func run() async throws {
    // The configuration is validated before anything is started.
    let given = try options.load()
    // Servers that root starts run as other users, who can't enter root's own folders.
    let folder = URL(fileURLWithPath: dir ?? (geteuid() == 0 ? "/var/lib/tidemark-dev" : ".tidemark")).standardizedFileURL.path
    do {
      let servers = try await EmbeddedServers.start(in: folder)
      do {
        try await run(with: servers, given, in: folder)
        await servers.stop()
      } catch {
        await servers.stop()
        throw error
      }
    } catch let error as ServerError {
      throw CommandFailure.found("dev: \(error)")
    } catch let error as Finding {
      throw CommandFailure.found(error.description)
    }
  }

  private func run(with servers: EmbeddedServers, _ given: LoadedConfiguration, in folder: String) async throws {
    let overlays = servers.overlays + (try listening(given, in: folder))
    let load = { @Sendable [options] in try options.load(overlays) }
    let loaded = try load()
    let composition = try Composition(loaded)
    _ = try await composition.installation.migrate()
    let before = try await counts(composition)
    let duration = seconds.map { Duration.seconds($0) }
    let sample =
      agents == 0
      ? nil
      : SampleAgents(
        redis: composition.redis, lanes: BuiltInLanes(prefix: composition.prefix, partitions: composition.partitions),
        load: SampleAgents.Load(agents: agents, rate: rate, duration: duration, seed: .random(in: .min ... .max)))
    let runtime = try Runtime(loaded, reload: load) { [agents] url in Self.announce(url, servers, composition, agents: agents) }
    try await runtime.run([
      DevLoad(
        agents: sample, duration: duration, source: composition.makeSource(),
        lanes: BuiltInLanes(prefix: composition.prefix, partitions: composition.partitions), coordinator: runtime.worker.coordinator)
    ])
    try await summarize(sample?.written ?? 0, before, try await counts(composition), folder)
  }

  /// Returns the status page's address: the given one, else the address of the last start.
  private func listening(_ given: LoadedConfiguration, in folder: String) throws -> [Overlay] {
    if let listen { return [Overlay(key: "http.listen", value: listen, source: .flag("--listen"))] }
    guard given.source(of: "http.listen") == .standard, case .address(_, let standard) = given.configuration.http.listen else { return [] }
    var ports = DevPorts.read(in: folder)
    try DevPorts.requireFree(ports.page, of: "status page", in: folder)
    let port = try ports.page ?? (LocalPort.isFree(standard) ? standard : FreePort.next())
    ports.page = port
    try ports.write(in: folder)
    return [Overlay(key: "http.listen", value: "127.0.0.1:\(port)", source: .command("dev"))]
  }

  private static func announce(_ page: String, _ servers: EmbeddedServers, _ composition: Composition, agents: Int) {
    let lane = BuiltInLanes(prefix: composition.prefix, partitions: composition.partitions).lane(ofSession: "hello".utf8)
    Console.note(
      """

      Tidemark is running. \(agents > 0 ? "Sample agents write" : "What you write") to Redis\(agents > 0 ? "; every change becomes" : " becomes") a Postgres row.

        status page   \(page)
        Redis         \(servers.redis.url)
        Postgres      \(servers.postgres.url)

      Write a first change, and read it back:

        REDISCLI_AUTH=\(servers.redis.password ?? "") redis-cli -p \(servers.redis.port) XADD '\(lane)' '*' type message.appended session hello role user content 'Hello, Tidemark'
        psql '\(servers.postgres.url)' -c "SELECT role, content, at FROM \(composition.schema).messages WHERE session_id = 'hello'"

      Ctrl-C stops everything.

      """)
  }

  private func counts(_ composition: Composition) async throws -> Counts {
    let store = try StatusStore(sink: try composition.makeSink(), schema: composition.schema)
    let tables = ["changes", "sessions", "messages", "context", "tool_calls", "outcomes", "snapshots", "dead_letters", "checkpoints"]
    return Counts(tables: try await store.rowCounts(of: tables))
  }

  private struct Counts {
    var tables: [(table: String, rows: Int64)]
    subscript(name: String) -> Int64 { tables.first { $0.table == name }?.rows ?? 0 }
  }

  private func summarize(_ written: Int, _ before: Counts, _ after: Counts, _ folder: String) async throws {
    let applied = after["changes"] - before["changes"]
    Console.print("agents wrote      \(written) changes to Redis")
    Console.print("Tidemark applied  \(applied) changes to Postgres")
    for (name, rows) in after.tables { Console.print("  \(name.padding(toLength: 14, withPad: " ", startingAt: 0))\(rows) rows") }
    Console.print("the data are in \(folder)")
    // There may be more changes than the agents wrote, such as the first change that a user pasted.
    let missing = Int64(written) - applied - (after["dead_letters"] - before["dead_letters"])
    guard seconds == nil || missing <= 0 else {
      throw CommandFailure.found("dev: \(missing) changes are not in Postgres; the status page shows the reason")
    }
  }
}
