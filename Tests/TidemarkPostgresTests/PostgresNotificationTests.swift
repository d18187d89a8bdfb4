import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite(.timeLimit(.minutes(5))) struct PostgresNotificationTests {
  @Test func `a wait ends when the server notifies, and without a word when its time is over`() async throws {
    try await withPostgres { server in
      let (connection, other) = (try await connect(to: server), try await connect(to: server))
      try await connection.script("listen tide", deadline: generous)
      #expect(try await !connection.isNotified(within: .milliseconds(1)))
      let waiting = Task { try await connection.isNotified(within: generous) }
      try await other.script("notify tide", deadline: generous)
      #expect(try await waiting.value)
      // All that came at once are one.
      try await other.script("begin; notify tide, 'a'; notify tide, 'b'; commit", deadline: generous)
      #expect(try await connection.isNotified(within: generous))
      #expect(try await !connection.isNotified(within: .milliseconds(1)))
    }
  }

  @Test func `what came with the answer to a statement is not missed`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script("listen tide", deadline: generous)
      try await connection.script("notify tide", deadline: generous)
      #expect(try await connection.isNotified(within: generous))
    }
  }

  @Test func `a cancelled wait ends at once and spares the connection`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let pid = try connection.pid
      for round in 0..<20 {
        let waiting = Task { try await connection.isNotified(within: generous) }
        waiting.cancel()
        let error = try await failure { try await waiting.value }
        #expect(error.kind == .cancelled)
        #expect(try await connection.one("select \(round)") == "\(round)")
      }
      #expect(try connection.pid == pid)
    }
  }

  @Test func `a connection that is lost while it waits says so`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let waiting = Task { try await connection.isNotified(within: generous) }
      try await server.adminPsql("select pg_terminate_backend(\(try connection.pid), 10000)")
      #expect(try await failure { try await waiting.value }.kind == .connection)
      #expect(await !connection.isUsable)
    }
  }
}
