import Testing
import TidemarkTestKit

/// Unprotected connections to other machines are reported, and none is refused.
struct TransportTests {
  /// An address of this machine that does not look like loopback.
  private static let elsewhere = "0.0.0.0"

  @Test func aWayThatIsNotProtectedIsWarnedOf() async throws {
    try await withProduct { product in
      let name = product.postgres.database
      let local = try await product.run("check")
      #expect(local.exitCode == 0 && !local.standardOutput.contains(".tls"))
      try await product.redis.command("CONFIG", "SET", "requirepass", "right")
      let settings = [
        "postgres.url": "postgresql://\(name)@\(Self.elsewhere):\(product.postgres.port)/\(name)",
        "redis.url": "redis://:right@\(Self.elsewhere):\(product.redis.port)/0",
      ]
      let check = try await product.run("check", settings: settings)
      #expect(check.exitCode == 0, "\(check.standardOutput)")
      let lines = check.standardOutput.split(separator: "\n")
      let expected = [
        "warning postgres.tls: with sslmode=prefer the certificate of 0.0.0.0 is not checked: it can be read and changed on the way; "
          + "write postgres.url with sslmode=verify-full, and sslrootcert=FILE with the certificate of its authority",
        "warning redis.tls: the password goes to 0.0.0.0 in clear text: it can be read on the way; let the server speak TLS and write "
          + "redis.url with rediss://",
      ]
      for line in expected { #expect(lines.contains(Substring(line)), "\(check.standardOutput)") }
      let worker = try await product.startWorker(settings: settings)
      #expect(worker.standardError.contains("WARNING server.finding finding=\"postgres.tls: with sslmode=prefer"))
      #expect(worker.standardError.contains("WARNING server.finding finding=\"redis.tls: the password goes to"))
      #expect(try await worker.stop() == 0)
    }
  }
}
