import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct PostgresDeadlineTests {
  @Test func `a statement beyond its deadline is cancelled and the connection goes on`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let start = ContinuousClock.now
      let error = try await failure { try await connection.query("select pg_sleep(300)", deadline: .milliseconds(100)) }
      #expect(error.kind == .timeout)
      #expect(error.isRetryable)
      // The statement itself would have taken 300 s.
      #expect(ContinuousClock.now - start < .seconds(60))
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test func `a cancelled task cancels its statement and the connection goes on`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let task = Task { try await connection.query("select pg_sleep(300)", deadline: .seconds(300)) }
      try await waitUntilRunning("select pg_sleep", pid: try connection.pid, on: server)
      task.cancel()
      let error = try await failure { try await task.value }
      #expect(error.kind == .cancelled)
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test func `a cancellation that comes first is what the statement reports, and spares the next one`() async throws {
    try await withPostgres { server in
      // The statement waits for a lock that nobody gives back, so its end is the cancellation's doing.
      let holder = try await connect(to: server)
      try await holder.script("select pg_advisory_lock(4711)", deadline: generous)
      let connection = try await connect(to: server)
      for round in 0..<20 {
        let error = try await failure {
          if round.isMultiple(of: 2) {
            _ = try await connection.query("select pg_advisory_lock(4711)", deadline: .milliseconds(1))
          } else {
            let task = Task { try await connection.query("select pg_advisory_lock(4711)", deadline: generous) }
            task.cancel()
            _ = try await task.value
          }
        }
        #expect(error.kind == (round.isMultiple(of: 2) ? .timeout : .cancelled))
        // A server too busy to answer the cancellation in time loses the connection.
        try await connection.ensureConnected(deadline: generous)
        #expect(try await connection.one("select \(round)") == "\(round)")
      }
    }
  }

  @Test func `a cancellation that comes after the answer changes nothing`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      for round in 0..<20 {
        let task = Task { try await connection.one("select \(round)") }
        let answer = try await task.value
        task.cancel()
        #expect(answer == "\(round)")
        #expect(try await connection.one("select -\(round)") == "\(-round)")
      }
    }
  }

  @Test func `whichever of an answer and a cancellation comes first, the next statement is spared`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      for round in 0..<150 {
        // Ends about when its deadline does: before, after, and at the same time as the cancellation.
        let deadline = Duration.microseconds(500 + 20 * round)
        do {
          _ = try await connection.query("select pg_sleep(0.002)", deadline: deadline)
        } catch let error as PostgresError {
          #expect(error.kind == .timeout)
          try await connection.ensureConnected(deadline: generous)
        }
        #expect(try await connection.one("select \(round)") == "\(round)")
      }
    }
  }

  @Test func `a server that does not answer even to a cancellation loses the connection`() async throws {
    try await withPostgres(.private) { server in
      let connection = try await connect(to: server)
      try await connection.script("create table public.t (n int); begin; insert into public.t values (1)", deadline: generous)
      try server.pause()
      let error = try await failure { try await connection.script("commit", deadline: .milliseconds(100)) }
      #expect(error.kind == .timeout)
      #expect(error.outcomeUnknown)
      #expect(await connection.isUsable == false)
      #expect(try await failure { try await connection.connect(deadline: .milliseconds(200)) }.kind == .timeout)
      try server.resume()
      try await connection.connect(deadline: generous)
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test func `long statements on many connections hold up nobody else`() async throws {
    try await withPostgres { server in
      // More than the cooperative pool has threads on a small machine.
      let others = try await withThrowingTaskGroup(of: PostgresConnection.self) { group in
        for _ in 0..<24 { group.addTask { try await connect(to: server) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let sleepers = others.map { other in Task { try await other.query("select pg_sleep(300)", deadline: .seconds(300)) } }
      for other in others { try await waitUntilRunning("select pg_sleep", pid: try other.pid, on: server) }
      let connection = try await connect(to: server)
      #expect(try await connection.one("select 7") == "7")
      for sleeper in sleepers { sleeper.cancel() }
      for sleeper in sleepers { #expect(try await failure { try await sleeper.value }.kind == .cancelled) }
    }
  }

  @Test func `rollback works in a cancelled task`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let task = Task {
        try await connection.script("begin", deadline: generous)
        withUnsafeCurrentTask { $0?.cancel() }
        let error = try await failure { try await connection.query("select 1", deadline: generous) }
        await connection.rollback()
        return error.kind
      }
      #expect(try await task.value == .cancelled)
      #expect(await connection.transactionStatus == .idle)
      #expect(await connection.isUsable)
    }
  }
}
