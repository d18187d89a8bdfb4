import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// The row that says which installation a ledger is.
@Suite struct SinkInstallationTests {
  private static let ttl = Duration.seconds(600)

  @Test func `the first to make it decides, and until a Redis is claimed the next`() async throws {
    try await withPostgres { server in
      let sink = try SinkFixture.makeSink(server)
      // Before there is a schema.
      #expect(try await sink.installation(askedBy: nil, within: Self.ttl) == nil)
      let fixture = try await SinkFixture(server)
      #expect(try await sink.installation(askedBy: nil, within: Self.ttl) == nil)
      #expect(try await fixture.lane().installation == .unknown)

      try await sink.makeInstallation(prefix: "p", partitions: 16)
      let first = try #require(try await sink.installation(askedBy: nil, within: .zero))
      #expect(first.prefix == "p" && first.partitions == 16 && first.claim == nil)
      try await sink.makeInstallation(prefix: "q", partitions: 4)
      let second = try #require(try await sink.installation(askedBy: nil, within: .zero))
      #expect(second.id == first.id && second.prefix == "q" && second.partitions == 4)
      #expect(try await fixture.lane().installation == first.id)

      let claim = try await sink.claim(by: nil, within: .zero, prefix: "q") { _, _ in true }
      try await sink.makeInstallation(prefix: "r", partitions: 2)
      let third = try #require(try await sink.installation(askedBy: nil, within: .zero))
      #expect(third.prefix == "q" && third.partitions == 4 && third.claim == claim)
    }
  }

  @Test func `a claim that Redis did not take is none, and those who claim at once follow one another`() async throws {
    try await withPostgres { server in
      let fixture = try await SinkFixture(server)
      try await fixture.sink.makeInstallation(prefix: "p", partitions: 16)
      #expect(try await fixture.sink.claim(by: "w1", within: .zero, prefix: "p") { _, _ in false } == nil)
      #expect(try await fixture.sink.installation(askedBy: nil, within: .zero)?.claim == nil)

      let (began, start) = AsyncStream<Void>.makeStream()
      async let first = fixture.sink.claim(by: "w1", within: .zero, prefix: "p") { ledger, _ in
        start.finish()
        try await waitUntil("the other one waits") {
          try await fixture.server.psql(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == "1"
        }
        return ledger.claim == nil
      }
      for await _ in began {}
      let second = try await fixture.sink.claim(by: "w2", within: .zero, prefix: "p") { ledger, _ in ledger.claim == nil }
      #expect(second == nil)
      let claimed = try await first
      #expect(try await fixture.sink.installation(askedBy: nil, within: .zero)?.claim == claimed)
    }
  }

  @Test func `a worker that reaches its Redis serves, and who has just claimed one`() async throws {
    try await withPostgres { server in
      let fixture = try await SinkFixture(server)
      let worker = SinkFixture.worker
      try await fixture.sink.makeInstallation(prefix: "p", partitions: 16)
      func served(by asking: String?, within: Duration = Self.ttl) async throws -> String? {
        try #require(try await fixture.sink.installation(askedBy: asking, within: within)).servedBy
      }
      #expect(try await served(by: nil) == worker.name)
      #expect(try await served(by: worker.name) == nil)
      #expect(try await served(by: nil, within: .zero) == nil)
      _ = try await fixture.sink.renew(worker, canServe: false, for: Self.ttl)
      #expect(try await served(by: nil) == nil)
      try await fixture.sink.leave(worker)
      _ = try await fixture.sink.claim(by: "fresh", within: .zero, prefix: "p") { _, _ in true }
      #expect(try await served(by: nil) == "fresh")
      #expect(try await served(by: "fresh") == nil)
      #expect(try await served(by: nil, within: .zero) == nil)
      _ = try await fixture.sink.claim(by: nil, within: .zero, prefix: "p") { _, _ in true }
      #expect(try await served(by: nil) == nil)
    }
  }
}
