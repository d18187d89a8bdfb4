import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Passwords in files are rotated while a worker runs.
@Suite(.serialized) struct RotationTests {
  private func write(_ password: String, to file: String) throws {
    try (password + "\n").write(toFile: file, atomically: true, encoding: .utf8)
  }

  @Test func aRotatedPasswordIsReadWithTheNextConnection() async throws {
    try await withProduct(postgres: .private(settings: ["password_encryption": "scram-sha-256"])) { product in
      let folder = try await ScratchSpace.current().folder("passwords")
      let (ofRedis, ofPostgres) = ("\(folder)/redis", "\(folder)/postgres")
      try write("first-r", to: ofRedis)
      try write("first-p", to: ofPostgres)
      try await product.postgres.adminPsql("create role rotated superuser login password 'first-p'")
      let rules = try await product.postgres.adminPsql("show hba_file")
      let text = try String(contentsOfFile: rules, encoding: .utf8)
      try ("host all rotated 127.0.0.1/32 scram-sha-256\n" + text).write(toFile: rules, atomically: false, encoding: .utf8)
      try await product.postgres.adminPsql("select pg_reload_conf()")
      try await product.redis.command("ACL", "SETUSER", "rotated", "on", ">first-r", "~*", "&*", "+@all")
      let worker = try await product.startWorker(settings: [
        "redis.url": "redis://rotated@127.0.0.1:\(product.redis.port)/0", "redis.password_file": ofRedis,
        "postgres.url": "postgresql://rotated@127.0.0.1:\(product.postgres.port)/tidemark", "postgres.password_file": ofPostgres,
      ])
      try await product.addMessages(5)
      try await product.waitUntilCaughtUp()

      try write("second-r", to: ofRedis)
      try write("second-p", to: ofPostgres)
      try await product.redis.command("ACL", "SETUSER", "rotated", "resetpass", ">second-r")
      try await product.redis.command("CLIENT", "KILL", "USER", "rotated")
      try await product.postgres.adminPsql("alter role rotated password 'second-p'")
      try await product.postgres.adminPsql("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'rotated'")
      try await product.addMessages(5, from: 6)
      try await product.waitFor("10", "select count(*) from tidemark.messages")
      #expect(!worker.standardError.contains("second-"))
      #expect(try await worker.stop() == 0)
    }
  }
}
