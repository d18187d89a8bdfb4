import Logging
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// A session's row that somebody deleted while a writer knows that it was there.
@Suite struct DeletedSessionTests {
  private static func change(_ ms: UInt64) -> HandMade { HandMade(ms, "context.set", "s", [("key", "k"), ("value", "\(ms)")]) }

  private static let padding = (0...PostgresWriter.pipelineLimit.entries).map {
    HandMade(1_000 + UInt64($0), 0, [("type", "noise"), ("session", "n"), ("ephemeral", "1")])
  }

  @Test(
    arguments: ["delete from tide.sessions", "truncate tide.sessions", "update tide.sessions set session_id = 'other'"],
    ["pipeline", "copy", "exact"])
  func `the session's next change makes its row again`(deletion: String, path: String) async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      try await sink.commit([Self.change(2)])
      try await sink.connection.script(deletion, deadline: generous)
      #expect(try await sink.one("select tide.state('s')") == nil)
      let entries = path == "copy" ? [Self.change(3)] + Self.padding : [Self.change(3)]
      #expect(try await sink.commit(entries, path == "exact" ? .exact : .fast).counts.applied == 1)
      #expect(try await sink.one("select tide.state('s') #>> '{context,k,value}'") == "3")
      // And the writer goes on with what it knows now.
      try await sink.commit([Self.change(5_000)])
      #expect(try await sink.one("select applied_total from tide.lanes") == "4")
    }
  }

  @Test func `a deletion that is not committed yet holds nobody up and is noticed when it is`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      try await sink.connection.script("begin; delete from tide.sessions", deadline: generous)
      try await sink.commit([Self.change(2)])
      try await sink.connection.script("commit", deadline: generous)
      #expect(try await sink.one("select count(*) from tide.sessions") == "0")
      try await sink.commit([Self.change(3)])
      #expect(try await sink.one("select count(*) from tide.sessions") == "1")
    }
  }

  @Test func `a schema that is made anew under a connected writer gets its sessions`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      try await sink.connection.script("drop schema tide cascade", deadline: generous)
      try await Migrator(connection: sink.connection, schema: SinkFixture.schema, logger: Logger(label: "test")).migrate()
      _ = try await sink.sink.lease(SinkFixture.worker, for: .seconds(600))
      try await sink.sink.register([NewLane(name: "one", shard: Shard.of("one"), position: .zero, baseline: 0)])
      try await sink.commit([Self.change(2)])
      #expect(try await sink.one("select tide.state('s') #>> '{context,k,value}'") == "2")
    }
  }
}
