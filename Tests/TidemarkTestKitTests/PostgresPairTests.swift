import Testing
import TidemarkServers
import TidemarkTestKit

struct PostgresPairTests {
  @Test func `the standby shows the writes of the primary and takes over`() async throws {
    try await withPostgresPair { pair in
      try await pair.primary.psql("create table t (a int); insert into t values (1)")
      try await pair.waitUntilCaughtUp()
      #expect(try await pair.standby.psql("select a from t") == "1")
      await #expect(throws: ServerError.self) { try await pair.standby.psql("insert into t values (2)") }

      try await pair.pauseReplay()
      try await pair.primary.psql("insert into t values (2)")
      #expect(try await pair.standby.psql("select count(*) from t") == "1")
      try await pair.resumeReplay()
      try await pair.waitUntilCaughtUp()
      #expect(try await pair.standby.psql("select count(*) from t") == "2")

      try await pair.failOver()
      #expect(pair.primary.pid == nil)
      try await pair.standby.psql("insert into t values (3)")
      #expect(try await pair.standby.psql("select count(*) from t") == "3")
    }
  }

  @Test func `a failover loses commits that did not arrive`() async throws {
    try await withPostgresPair { pair in
      try await pair.primary.psql("create table t (a int); insert into t values (1)")
      try await pair.waitUntilCaughtUp()
      try await pair.stopStreaming()
      try await pair.primary.psql("insert into t values (2)")
      try await pair.resumeStreaming()
      try await pair.waitUntilCaughtUp()
      try await pair.stopStreaming()
      try await pair.primary.psql("insert into t values (3)")

      try await pair.failOver()

      #expect(try await pair.standby.psql("select max(a) from t") == "2")
      // The old primary comes back with its own commits: there are two histories.
      try await pair.primary.start()
      #expect(try await pair.primary.psql("select max(a) from t") == "3")
    }
  }
}
