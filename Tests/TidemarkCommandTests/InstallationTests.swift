import Testing
import TidemarkServers
import TidemarkTestKit

/// Two installations meet by mistake, and one is moved on purpose, with the executable and real servers.
@Suite(.serialized) struct InstallationTests {
  private static let config = "tidemark:config"

  /// Checks that each of these commands exits with 1 and this one line.
  private func expectRefused(
    _ product: Product, _ texts: String..., by commands: [String] = ["migrate", "check", "run"], settings: [String: String] = [:],
    location: SourceLocation = #_sourceLocation
  ) async throws {
    for command in commands {
      let outcome =
        command == "run"
        ? try await product.run("run", "--listen", "off", settings: settings) : try await product.run(command, settings: settings)
      #expect(outcome.exitCode == 1, "\(command)", sourceLocation: location)
      let said = command == "check" ? outcome.standardOutput : outcome.standardError
      // A worker that may have started too early first waits for a while.
      let lines = said.split(separator: "\n").filter { line in
        texts.allSatisfy { line.contains($0) } && !line.contains("server.waiting")
      }
      #expect(lines.count == 1, "\(command): \(outcome.standardOutput)\(outcome.standardError)", sourceLocation: location)
    }
  }

  private func ids(_ product: Product, _ redis: RedisServer? = nil) async throws -> (postgres: String, redis: String) {
    (
      try await product.value("select id from tidemark.installation"),
      try await (redis ?? product.redis).command("HGET", Self.config, "installation")
    )
  }

  @Test func `two databases on one prefix: the second gets neither the prefix nor a schema`() async throws {
    try await withProduct { product in
      let (id, held) = try await ids(product)
      #expect(id == held && id.count == 36)
      try await withPostgres { postgres in
        let second = Product(redis: product.redis, postgres: postgres, settings: product.settings)
        try await expectRefused(second, "belongs to another installation (\(id)", "choose another redis.prefix", by: ["migrate"])
        #expect(try await second.value("select count(*) from pg_namespace where nspname = 'tidemark'") == "0")
        // Another installation claimed the empty Redis first.
        try await product.redis.command("FLUSHALL")
        #expect(try await second.run("migrate").exitCode == 0)
        let (other, nowHeld) = try await ids(second)
        #expect(other == nowHeld && other != id)
        try await expectRefused(product, "redis.prefix", "belongs to another installation (\(other)", "--adopt")
      }
    }
  }

  @Test func `two prefixes on one schema: the second is refused`() async throws {
    try await withProduct { product in
      let other = ["redis.prefix": "other"]
      try await expectRefused(
        product, "the schema tidemark belongs to the installation with the prefix tidemark, not other", "choose another postgres.schema",
        settings: other)
      #expect(try await product.redis.command("KEYS", "other:*") == "")
      // The takeover is intended.
      #expect(try await product.run("migrate", "--adopt", settings: other).exitCode == 0)
      let id = try await ids(product).postgres
      #expect(try await product.redis.command("HGET", "other:config", "installation") == id)
      #expect(try await product.run("check", settings: other).exitCode == 0)
      try await expectRefused(product, "belongs to the installation with the prefix other")
    }
  }

  @Test func `two Redis on one schema: the second is refused as long as a worker serves the first`() async throws {
    try await withProduct { product in
      let first = try await product.startWorker()
      try await product.addMessages(5)
      try await product.waitUntilCaughtUp()
      try await withRedis { redis in
        let moved = ["redis.url": redis.url]
        try await expectRefused(product, "redis.url", "serves through another Redis", "stop its workers first", settings: moved)
        #expect(try await product.run("migrate", "--adopt", settings: moved).exitCode == 1)
        #expect(try await redis.command("DBSIZE") == "0")
        try await product.addMessages(5, from: 6)
        try await product.waitUntilCaughtUp()
        #expect(try await first.stop() == 0)

        // An empty Redis replaces the first one, as in a recovery.
        let second = try await product.startWorker(settings: moved)
        let (id, held) = try await ids(product, redis)
        #expect(id == held)
        // The first Redis comes back: its keys have the right id and an outdated claim.
        try await expectRefused(product, "redis.url", "serves through another Redis")
        #expect(try await second.stop() == 0)
      }
    }
  }

  @Test func `the number of partitions outlives a flush, as the id does`() async throws {
    try await withProduct { product in
      let id = try await ids(product).postgres
      try await product.redis.command("FLUSHALL")
      try await expectRefused(
        product, "state.partitions: the configuration says 4, this installation was migrated with 1", "set state.partitions: 1",
        settings: ["state.partitions": "4"])
      #expect(try await product.redis.command("EXISTS", Self.config) == "0")
      let worker = try await product.startWorker()
      #expect(try await product.redis.command("HMGET", Self.config, "installation", "partitions") == "\(id)\n1")
      // The check also works while the worker runs, even if no entry was ever read.
      try await product.redis.command("FLUSHALL")
      try await waitUntil("the claim is there again") {
        try await product.redis.command("HMGET", Self.config, "installation", "partitions") == "\(id)\n1"
      }
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func `a worker whose prefix another installation takes over stops at once, and says so`() async throws {
    try await withProduct(["trim.keep": "0s"]) { product in
      let first = try await product.startWorker()
      try await product.addMessages(20)
      try await product.waitUntilCaughtUp()
      try await withPostgres { postgres in
        let second = Product(redis: product.redis, postgres: postgres, settings: product.settings)
        #expect(try await second.run("migrate", "--adopt").exitCode == 0)
        try await first.waitForOutput("installation.refused")
        #expect(first.standardError.contains("belongs to another installation"))
        try await product.waitFor("f", "select can_serve from tidemark.workers")
        let mark = try await product.redis.command("HGET", "tidemark:{0}:lane", "durable")
        try await product.addMessages(20, from: 21)
        // The new owner serves the prefix; the old one has read and published nothing more.
        let owner = try await second.startWorker()
        try await second.waitUntilCaughtUp()
        #expect(try await product.value("select read_total from tidemark.lanes") == "20")
        #expect(first.isRunning)
        #expect(mark != "")
        let (id, held) = try await ids(second)
        #expect(id == held)
        #expect(try await first.stop() == 0)
        #expect(try await owner.stop() == 0)
      }
    }
  }

  @Test func `marks that another installation left behind are taken over by whoever has the claim`() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(5)
      try await product.waitUntilCaughtUp()
      let id = try await ids(product).postgres
      try await product.redis.command("HSET", "tidemark:{0}:lane", "installation", "another", "durable", "1-1", "incarnation", "0")
      // No other entry brings its mark along.
      try await product.addMessages(1, from: 6)
      let last = try await product.redis.command("XREVRANGE", "tidemark:{0}:changes", "+", "-", "COUNT", "1").split(separator: "\n")[0]
      try await waitUntil("the mark is ours again", within: .seconds(60)) {
        try await product.redis.command("HMGET", "tidemark:{0}:lane", "installation", "durable") == "\(id)\n\(last)"
      }
      #expect(try await worker.stop() == 0)
      // A foreign id beside the marks is noticed at once.
      try await product.redis.command("HSET", "tidemark:{0}:lane", "installation", "another")
      #expect(try await product.run("migrate", "--adopt").exitCode == 0)
      #expect(try await product.redis.command("HGET", "tidemark:{0}:lane", "installation") == id)
    }
  }

  @Test func `another installation gets no prefix whose claim was flushed a moment ago, while a worker is there`() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      let id = try await ids(product).postgres
      try await withPostgres { postgres in
        let second = Product(redis: product.redis, postgres: postgres, settings: product.settings)
        for _ in 0..<3 {
          try await product.redis.command("FLUSHALL")
          try await expectRefused(second, "belongs to another installation (\(id)", by: ["migrate"])
        }
        #expect(try await ids(product).redis == id)
        #expect(!worker.standardError.contains("installation.refused"))
        #expect(try await worker.stop() == 0)
      }
    }
  }

  @Test func `a Redis whose Postgres is gone is taken over by the next one, with as many partitions`() async throws {
    try await withProduct { product in
      let id = try await ids(product).postgres
      try await product.value("drop schema tidemark cascade")
      try await expectRefused(product, "belongs to another installation (\(id)", "--adopt", by: ["migrate"])
      let wrong = try await product.run("migrate", "--adopt", settings: ["state.partitions": "3"])
      #expect(wrong.exitCode == 1 && wrong.standardError.contains("set state.partitions: 1"), "\(wrong.standardError)")
      #expect(try await product.run("migrate", "--adopt").exitCode == 0)
      let (new, held) = try await ids(product)
      #expect(new == held && new != id)
      #expect(try await product.run("migrate", "--dry-run", "--adopt").exitCode == 2)
    }
  }
}
