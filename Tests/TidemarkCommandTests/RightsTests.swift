import Foundation
import Testing
import TidemarkTestKit

/// `check` tries every command and every statement of a worker, and names each missing right with the rule or statement that grants it.
@Suite(.serialized) struct RightsTests {
  /// Runs `body` with a product whose Redis user may run every command on the installation's keys and channels.
  private func withUser(_ body: (Product, _ allow: (String) async throws -> Void) async throws -> Void) async throws {
    try await withProduct { product in
      func allow(_ rules: String) async throws {
        try await product.redis.command(
          ["ACL", "SETUSER", "worker", "reset", "on", ">secret"] + rules.split(separator: " ").map { String($0) })
      }
      try await allow("+@all ~tidemark:* &tidemark:*")
      var product = product
      product.settings["redis.url"] = "redis://worker:secret@127.0.0.1:\(product.redis.port)/0"
      try await body(product, allow)
    }
  }

  @Test(arguments: [
    "ping", "info", "time", "eval", "evalsha", "xread", "xrange", "xrevrange", "xlen", "xinfo|stream", "xinfo|groups", "hget", "hmget",
    "hset",
    "hdel", "hlen", "hscan", "xtrim", "publish",
  ]) func aMissingCommandOfRedisIsNamed(command: String) async throws {
    try await withUser { product, allow in
      #expect(try await product.run("check").exitCode == 0)
      try await allow("+@all -\(command) ~tidemark:* &tidemark:*")
      let check = try await product.run("check")
      #expect(check.exitCode == 1)
      let lines = check.standardOutput.split(separator: "\n").filter { $0.hasPrefix("problem") }
      #expect(lines.count == 1 && lines[0].contains("may not run \(command):"), "\(check.standardOutput)")
      #expect(lines.first?.contains("; ACL SETUSER worker +\(command)") ?? false, "\(check.standardOutput)")
    }
  }

  @Test func whatAWorkerCanDoWithoutIsAWarning() async throws {
    try await withUser { product, allow in
      try await allow("+@all -xgroup -xsetid -client|list ~tidemark:* &tidemark:*")
      let check = try await product.run("check")
      #expect(check.exitCode == 0, "\(check.standardOutput)")
      for rules in ["+xgroup|setid +xgroup|create", "+xsetid", "+client|list"] {
        #expect(check.standardOutput.contains("; ACL SETUSER worker \(rules)\n"), "\(check.standardOutput)")
      }
    }
  }

  @Test func missingKeysAndChannelsAreNamed() async throws {
    try await withUser { product, allow in
      try await allow("+@all ~tidemark:* resetchannels")
      let silent = try await product.run("check")
      #expect(silent.exitCode == 1)
      #expect(silent.standardOutput.contains("may not use the channel tidemark:{0}:durable"), "\(silent.standardOutput)")
      #expect(silent.standardOutput.contains("; ACL SETUSER worker &tidemark:*\n"))
      try await allow("+@all ~tidemark:{0}:changes ~tidemark:{0}:lane ~tidemark:durable ~tidemark:config &tidemark:*")
      let check = try await product.run("check")
      #expect(check.exitCode == 1)
      #expect(check.standardOutput.contains("may not use the key tidemark:{0}:rejected: "), "\(check.standardOutput)")
      #expect(check.standardOutput.contains("; ACL SETUSER worker ~tidemark:*\n"))
    }
  }

  @Test func aUserWithoutRightsIsToldAllThatAreMissing() async throws {
    try await withUser { product, allow in
      try await allow("-@all +eval ~tidemark:* &tidemark:*")
      let check = try await product.run("check")
      #expect(check.exitCode == 1)
      let rules = try #require(check.standardOutput.firstMatch(of: /ACL SETUSER worker ([^\n]+)/)).1
      for command in ["+xread", "+xinfo|stream", "+hscan", "+evalsha"] {
        #expect(rules.contains(command), "\(check.standardOutput)")
      }
    }
  }

  @Test func tryingChangesNothing() async throws {
    try await withUser { product, _ in
      try await product.addMessages(3)
      func everything() async throws -> String {
        let lane = try await product.redis.commands(
          "XRANGE \(Product.lane) - +\nXINFO STREAM \(Product.lane)\nXINFO GROUPS \(Product.lane)\n")
        return lane + (try await product.redis.commands("KEYS *\nHGETALL tidemark:config\nHGETALL tidemark:{0}:lane\n"))
      }
      let before = try await everything()
      let listener = try await product.redis.command("CONFIG", "RESETSTAT")
      #expect(listener == "OK")
      #expect(try await product.run("check").exitCode == 0)
      #expect(try await everything() == before)
      let commands = try await product.redis.command("INFO", "commandstats")
      for writer in ["hset", "hdel", "xtrim", "xsetid", "publish", "xgroup|create", "xgroup|setid"] {
        // The commands are counted as refused or not at all, never as run.
        let line = commands.split(separator: "\n").first { $0.hasPrefix("cmdstat_\(writer):") }
        #expect(line?.contains("calls=0,") ?? true, "\(line ?? "")")
      }
    }
  }

  @Test(arguments: [
    ("REVOKE INSERT ON tidemark.gaps FROM", "gaps (INSERT)", "GRANT INSERT ON TABLE \"tidemark\".\"gaps\" TO"),
    ("REVOKE SELECT ON tidemark.lease_holders FROM", "lease_holders (SELECT)", "GRANT SELECT ON TABLE \"tidemark\".\"lease_holders\" TO"),
    (
      "REVOKE SELECT ON tidemark.connected_workers FROM", "connected_workers (SELECT)",
      "GRANT SELECT ON TABLE \"tidemark\".\"connected_workers\" TO"
    ),
    ("REVOKE DELETE ON tidemark.snapshots FROM", "snapshots (DELETE)", "GRANT DELETE ON TABLE \"tidemark\".\"snapshots\" TO"),
    ("REVOKE DELETE ON tidemark.context FROM", "context (DELETE)", "GRANT DELETE ON TABLE \"tidemark\".\"context\" TO"),
    (
      "REVOKE EXECUTE ON FUNCTION tidemark.tell_workers() FROM PUBLIC,", "tell_workers() (EXECUTE)",
      "GRANT EXECUTE ON FUNCTION tidemark.tell_workers() TO"
    ),
  ]) func aMissingRightOfTheRoleIsNamed(revocation: String, line: String, grant: String) async throws {
    try await withProduct { product in
      let role = "\(product.postgres.database)_worker"
      try await product.postgres.adminPsql(
        "create role \"\(role)\" login; grant connect on database \"\(product.postgres.database)\" to \"\(role)\"")
      try await product.value(
        """
        grant usage on schema tidemark to "\(role)"; grant all on all tables in schema tidemark to "\(role)";
        """)
      let settings = ["postgres.url": product.postgres.url(database: product.postgres.database, role: role)]
      let before = try await product.run("check", settings: settings)
      #expect(before.exitCode == 0, "\(before.standardOutput)")
      try await product.value("\(revocation) \"\(role)\"")
      let check = try await product.run("check", settings: settings)
      #expect(check.exitCode == 1)
      let lines = check.standardOutput.split(separator: "\n").filter { $0.hasPrefix("problem") }
      #expect(lines.count == 1 && lines[0].contains(line) && lines[0].contains("\(grant) \"\(role)\""), "\(check.standardOutput)")
      // The worker waits for a right that only concerns reading.
      if !line.contains("(SELECT)") {
        let run = try await product.run("run", "--listen", "off", settings: settings)
        #expect(run.exitCode == 1 && run.standardError.contains(grant), "\(run.standardError)")
      }
      try await product.postgres.adminPsql("drop owned by \"\(role)\"; drop role \"\(role)\"")
    }
  }

  @Test func aStatementThatTheServerRefusesIsNamed() async throws {
    try await withProduct { product in
      try await product.value("alter table tidemark.gaps rename column cause to reason")
      let check = try await product.run("check")
      #expect(check.exitCode == 1)
      #expect(check.standardOutput.contains("problem postgres.statements: the statement gaps of a worker fails"), "\(check.standardOutput)")
    }
  }

  @Test func clocksAndPersistenceAreLookedAt() async throws {
    try await withProduct { product in
      let check = try await product.run("check")
      for line in ["ok      redis.clock: ", "ok      postgres.clock: ", "warning redis.appendonly: "] {
        #expect(check.standardOutput.contains(line), "\(check.standardOutput)")
      }
    }
  }
}
