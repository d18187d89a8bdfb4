import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

struct PostgresServerTests {
  @Test func `calls that share a server get separate databases`() async throws {
    let dropped = try await withPostgres { one in
      try await withPostgres { two in
        #expect(one.port == two.port)
        #expect(one.database != two.database)
        try await one.psql("create table t (a int); insert into t values (1), (2)")
        #expect(try await one.psql("select a, a + 1 from t order by a") == "1|2\n2|3")
        await #expect(throws: ServerError.self) { try await two.psql("select * from t") }
        #expect(try await one.psql("select rolsuper from pg_roles where rolname = current_user") == "f")
        #expect(try await one.adminPsql("select rolsuper from pg_roles where rolname = current_user") == "t")
        #expect(try await one.psql("show server_encoding") == "UTF8")
        await #expect(throws: ServerError.self) { try await one.stop() }
      }
      return one.database
    }
    try await withPostgres { other in
      let count = try await other.adminPsql("select count(*) from pg_database where datname = '\(dropped)'")
      #expect(count == "0")
    }
  }

  @Test func `a private server keeps its data through stops, crashes and kills`() async throws {
    try await withPostgres(.private(settings: ["work_mem": "5MB"])) { postgres in
      let port = postgres.port
      #expect(postgres.url == "postgresql://tidemark@127.0.0.1:\(port)/tidemark")
      #expect(try await postgres.psql("show work_mem") == "5MB")
      try await postgres.psql("create table t (a int)")
      for round in 1...3 {
        try await postgres.psql("insert into t values (\(round))")
        switch round {
        case 1: try await postgres.stop(mode: .fast)
        case 2: try await postgres.stop(mode: .immediate)
        default: try await postgres.kill()
        }
        #expect(postgres.pid == nil)
        try await postgres.start()
        #expect(postgres.port == port)
        #expect(try await postgres.psql("select count(*) from t") == "\(round)")
      }
      let other = try await postgres.createDatabase("other")
      #expect(other == "postgresql://other@127.0.0.1:\(port)/other")
    }
  }

  @Test func `a paused server answers nothing until it is resumed`() async throws {
    try await withPostgres(.private) { postgres in
      try postgres.pause()
      let answer = Task { try await postgres.psql("select 7") }
      await #expect(throws: ServerError.self) {
        try await waitUntil("it answers", within: .milliseconds(300)) { false }
      }
      try postgres.resume()
      #expect(try await answer.value == "7")
    }
  }

  @Test func `a folder keeps its data for the next server`() async throws {
    let folder = "/tmp/tidemark-kept-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = PostgresServer.Options(directory: "\(folder)/below/postgres", persistent: true, listensOnLoopback: false)
    try await withPostgres(options) { try await $0.psql("create table t as select 42 as a") }
    options.settings = ["work_mem": "6MB"]
    try await withPostgres(options) { postgres in
      #expect(postgres.url.contains("?host=%2Ftmp%2Ftidemark%2Dkept%2D"))
      let shown = try await postgres.psql("select a from t; show work_mem; show listen_addresses")
      #expect(shown == "42\n6MB\n")
    }
  }

  @Test func `one body gets both servers`() async throws {
    try await withServers { servers in
      let answers = try await (servers.redis.command("PING"), servers.postgres.psql("select 1"))
      #expect(answers == ("PONG", "1"))
    }
  }
}
