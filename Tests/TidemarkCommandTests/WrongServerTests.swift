import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// For unsuitable servers `check` and `run` say what is wrong, where, and how to fix it, and reveal no secret.
@Suite(.serialized) struct WrongServerTests {
  static let secret = "hunter2-s3cret"

  /// Checks that both commands exit with 1 and this one line.
  private func expectRefused(
    _ product: Product, _ line: String, _ hint: String, settings: [String: String] = [:], location: SourceLocation = #_sourceLocation
  ) async throws {
    let check = try await product.run("check", settings: settings)
    let run = try await product.run("run", "--listen", "off", settings: settings)
    for (outcome, text) in [(check, check.standardOutput), (run, run.standardError)] {
      #expect(outcome.exitCode == 1, sourceLocation: location)
      let found = text.split(separator: "\n").filter { $0.contains(line) && $0.contains(hint) }
      #expect(found.count == 1, "\(text)\(outcome.standardError)", sourceLocation: location)
      #expect(!(outcome.standardOutput + outcome.standardError).contains(Self.secret), sourceLocation: location)
    }
  }

  @Test func aHealthyInstallationHasNothingToFix() async throws {
    try await withProduct { product in
      let check = try await product.run("check")
      #expect(check.exitCode == 0, "\(check.standardOutput)\(check.standardError)")
      #expect(!check.standardOutput.contains("problem"))
      let json = try await product.run("check", "--json")
      #expect(try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) is [String: Any])
      try await product.add(["type": "context.set", "session": "s", "key": "k", "value": "{"])
      let sample = try await product.run("check", "--sample", "5")
      #expect(sample.exitCode == 0)
      #expect(sample.standardOutput.contains("would be a dead letter, bad_json: the field value"))
      #expect(try await product.value("select count(*) from tidemark.lanes") == "0")
    }
  }

  @Test func anUnreachableServerFailsTheCheckAndIsWaitedForByTheWorker() async throws {
    try await withProduct(postgres: .private) { product in
      try await product.addMessages(3)
      try await product.postgres.stop()
      await product.redis.stop()
      let check = try await product.run("check")
      #expect(check.exitCode == 1)
      for server in ["redis", "postgres"] {
        let lines = check.standardOutput.split(separator: "\n").filter { $0.hasPrefix("problem \(server): can't reach") }
        #expect(lines.count == 1 && lines[0].contains("; start the server, or correct \(server).url"), "\(check.standardOutput)")
      }
      let json = try await product.run("check", "--json")
      let answer = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: [[String: String]]]
      let hints = answer?["findings"]?.filter { $0["severity"] == "unreachable" }.map { $0["hint"] }
      #expect(hints == ["start the server, or correct postgres.url", "start the server, or correct redis.url"], "\(json.standardOutput)")
      let worker = try await TidemarkProcess.start(["run", "--listen", "off"], environment: product.environment)
      try await worker.waitForOutput("redis: can't reach")
      try await worker.waitForOutput("postgres: can't reach")
      #expect(worker.isRunning)
      try await product.postgres.start()
      try await product.redis.start()
      try await worker.waitForOutput("worker.started")
      try await product.addMessages(3)
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func anErrorOfAServerIsSaidOnceWithOneHint() async throws {
    try await withProduct(postgres: .private) { product in
      try await product.postgres.stop()
      await product.redis.stop()
      let address = "redis://127.0.0.1:\(product.redis.port)/0"
      let line = "redis: can't reach \(address) (Connection refused); start the server, or correct redis.url"
      #expect(try await product.run("check").standardOutput.contains("problem \(line)\n"))
      #expect(try await product.run("agents", "--seconds", "1").standardError == "tidemark: \(line)\n")
      let status = try await product.run("status")
      #expect(
        status.exitCode == 1 && status.standardError.hasSuffix("; start the server, or correct postgres.url\n"), "\(status.standardError)")
      try await product.postgres.start()
      let away = try await product.run("status")
      #expect(
        away.standardOutput.hasPrefix(
          "Redis is unreachable: can't reach \(address) (Connection refused); start the server, or correct redis.url\n"),
        "\(away.standardOutput)")
    }
  }

  @Test func theRightThatTheBenchmarkLacksIsNamedWithItsNames() async throws {
    try await withProduct { product in
      let name = product.postgres.database
      try await product.postgres.adminPsql("create role \"\(name)_poor\" login; grant connect on database \"\(name)\" to \"\(name)_poor\"")
      let bench = try await product.run(
        "bench", "--quick", settings: ["postgres.url": product.postgres.url(database: name, role: "\(name)_poor")])
      #expect(bench.exitCode == 1)
      #expect(bench.standardError.contains("GRANT CREATE ON DATABASE \"\(name)\" TO \"\(name)_poor\"\n"), "\(bench.standardError)")
      try await product.postgres.adminPsql("drop owned by \"\(name)_poor\"; drop role \"\(name)_poor\"")
    }
  }

  @Test func aWorkerThatWaitsForAServerStopsWhenTold() async throws {
    try await withProduct { product in
      await product.redis.stop()
      let worker = try await TidemarkProcess.start(["run", "--listen", "off"], environment: product.environment)
      try await worker.waitForOutput("redis: can't reach")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func wrongPasswordsAreNamedAndNeverShown() async throws {
    try await withProduct(isMigrated: false) { product in
      try await product.redis.command("CONFIG", "SET", "requirepass", "right")
      try await expectRefused(product, "redis: redis://127.0.0.1:\(product.redis.port)/0 refuses the login", "set redis.password")
      try await expectRefused(product, "refuses the login", "set redis.password", settings: ["redis.password": Self.secret])
      try await expectRefused(
        product, "refuses the login", "set redis.password",
        settings: ["redis.url": "redis://:\(Self.secret)@127.0.0.1:\(product.redis.port)/0"])
    }
    try await withProduct(postgres: .private(settings: ["password_encryption": "scram-sha-256"])) { product in
      try await product.postgres.adminPsql("create role guarded login password 'right'")
      let file = try await product.postgres.adminPsql("show hba_file")
      let rules = try String(contentsOfFile: file, encoding: .utf8)
      try ("host all guarded 127.0.0.1/32 scram-sha-256\nhost all stranger 127.0.0.1/32 reject\n" + rules).write(
        toFile: file, atomically: false, encoding: .utf8)
      try await product.postgres.adminPsql("select pg_reload_conf()")
      let place = "127.0.0.1:\(product.postgres.port)/tidemark"
      let stranger = ["postgres.url": "postgresql://stranger@\(place)"]
      try await waitUntil("the rule is in force") {
        try await product.run("check", settings: ["postgres.url": "postgresql://guarded@\(place)"]).standardOutput.contains("refuses")
      }
      try await expectRefused(
        product, "refuses the login", "set postgres.password", settings: ["postgres.url": "postgresql://guarded@\(place)"])
      try await expectRefused(
        product, "refuses the login", "set postgres.password",
        settings: ["postgres.url": "postgresql://guarded@\(place)", "postgres.password": Self.secret])
      try await expectRefused(
        product, "refuses the login", "set postgres.password", settings: ["postgres.url": "postgresql://guarded:\(Self.secret)@\(place)"])
      try await expectRefused(product, "does not let this host or user in", "pg_hba.conf", settings: stranger)
      let migrate = try await product.run("migrate", settings: ["postgres.url": "postgresql://guarded:\(Self.secret)@\(place)"])
      #expect(migrate.exitCode == 1 && migrate.standardError.contains("set postgres.password"))
      #expect(!migrate.standardError.contains(Self.secret))
    }
  }

  @Test func aMissingDatabaseRoleSchemaOrRightIsNamed() async throws {
    try await withProduct(isMigrated: false) { product in
      let (port, name) = (product.postgres.port, product.postgres.database)
      try await expectRefused(
        product, "has no such database", "create it with createdb",
        settings: ["postgres.url": "postgresql://postgres@127.0.0.1:\(port)/nowhere"])
      try await expectRefused(
        product, "as nobody has no such role", "create it with createuser",
        settings: ["postgres.url": "postgresql://nobody@127.0.0.1:\(port)/\(name)"])
      try await expectRefused(product, "postgres.schema: there is no schema tidemark", "run `tidemark migrate`")

      #expect(try await product.run("migrate").exitCode == 0)
      try await product.postgres.adminPsql("create role \"\(name)_poor\" login; grant connect on database \"\(name)\" to \"\(name)_poor\"")
      let poor = ["postgres.url": "postgresql://\(name)_poor@127.0.0.1:\(port)/\(name)"]
      try await expectRefused(
        product, "postgres.privileges: the role \(name)_poor lacks rights: SCHEMA tidemark (USAGE)", "GRANT ", settings: poor)
      try await product.value(
        "grant usage on schema tidemark to \"\(name)_poor\"; grant select on all tables in schema tidemark to \"\(name)_poor\"")
      try await expectRefused(product, "postgres.privileges: the role \(name)_poor lacks rights: ", "GRANT ", settings: poor)
      try await product.postgres.adminPsql("drop owned by \"\(name)_poor\"; drop role \"\(name)_poor\"")
      try await product.value("insert into tidemark.migrations (version, name, checksum) values (99, 'later', '')")
      try await expectRefused(product, "tidemark is at version 99, which this release does not know", "run the release that migrated it")
      try await product.value("delete from tidemark.migrations where version > 1")
      try await expectRefused(product, "older than this release", "run `tidemark migrate`")
    }
  }

  @Test(arguments: ["LATIN1", "SQL_ASCII"]) func aDatabaseThatDoesNotStoreUnicodeIsNamed(encoding: String) async throws {
    try await withProduct(isMigrated: false) { product in
      let (owner, name) = (product.postgres.database, "\(product.postgres.database)_\(encoding)")
      try await product.postgres.adminPsql(
        "create database \"\(name)\" owner \"\(owner)\" encoding '\(encoding)' template template0 locale 'C'", in: "postgres")
      let settings = ["postgres.url": product.postgres.url(database: name, role: owner)]
      let (line, fix) = ("postgres.encoding:", "the database \(name) stores text as \(encoding)")
      try await expectRefused(product, line, fix, settings: settings)
      let migrate = try await product.run("migrate", settings: settings)
      #expect(migrate.exitCode == 1 && migrate.standardError.contains(fix))
      try await product.postgres.adminPsql("drop database \"\(name)\" with (force)", in: "postgres")
    }
  }

  @Test func whatIsWrongInRedisIsNamed() async throws {
    try await withProduct { product in
      try await expectRefused(
        product, "state.partitions: the configuration says 4, this installation was migrated with 1", "set state.partitions: 1",
        settings: ["state.partitions": "4"])
      try await product.redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
      let check = try await product.run("check")
      #expect(check.exitCode == 1)
      #expect(check.standardOutput.contains("problem redis.maxmemory-policy: allkeys-lru can evict"))
      #expect(check.standardOutput.contains("CONFIG SET maxmemory-policy noeviction"))
      // A worker still serves and logs a warning.
      let worker = try await product.startWorker()
      #expect(worker.standardError.contains("allkeys-lru can evict"))
      #expect(try await worker.stop() == 0)
      try await product.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")

      try await product.redis.command("SET", Product.lane, "text")
      try await expectRefused(product, "redis.lanes: the key tidemark:{0}:changes is a string, not a stream", "rename it")
      try await product.redis.command("DEL", Product.lane)
      try await product.redis.command("HSET", "tidemark:config", "installation", "foreign", "schema", "another")
      try await expectRefused(
        product, "redis.prefix: the prefix tidemark belongs to another installation (foreign, with the schema another)",
        "choose another redis.prefix")
      try await product.redis.command("DEL", "tidemark:config")
      try await product.redis.command("SET", "tidemark:config", "text")
      try await expectRefused(product, "redis.prefix: the key tidemark:config is not a hash", "rename it, or choose another redis.prefix")
    }
  }

  @Test func aRedisThatIsFullKeepsNoWorkerFromStartingAndIsWaitedForWhereTheClaimIsGone() async throws {
    try await withProduct { product in
      try await product.redis.command("CONFIG", "SET", "maxmemory", "1")
      let claimed = try await product.startWorker()
      #expect(try await claimed.stop() == 0)
      try await product.redis.command("DEL", "tidemark:config")
      let waiting = try await TidemarkProcess.start(["run", "--listen", "off"], environment: product.environment)
      try await waiting.waitForOutput("server.waiting")
      try await product.redis.command("CONFIG", "SET", "maxmemory", "0")
      try await waiting.waitForOutput("worker.started")
      #expect(try await waiting.stop() == 0)
    }
  }
}
