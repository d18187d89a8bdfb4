import Foundation
import Logging
import Testing
import TidemarkPostgres
import TidemarkTestKit

/// An owner is suspended within a transaction, neither alive nor dead.
@Suite struct FrozenOwnerTests {
  @Test func aWorkerThatFreezesWithinATransactionLosesItsLanesAndIsFencedWhenItWakes() async throws {
    // The long timeout shows that the takeover does not come from a lock timeout.
    try await withProduct(["postgres.lock_timeout": "60s"]) { product in
      let frozen = try await product.startWorker()
      try await product.waitFor("64", "select count(*) from tidemark.leases where worker is not null")
      let owner = try await product.value("select distinct worker from tidemark.leases")
      let blocker = try PostgresConnection(
        configuration: PostgresConfiguration(url: product.postgres.url), logger: Logger(label: "test"))
      try await blocker.connect(deadline: .seconds(60))
      try await blocker.script("begin; lock table tidemark.messages in access exclusive mode", deadline: .seconds(60))
      // The batch is large enough for COPY. A smaller batch is sent completely to the server, which commits it without its client.
      try await product.add([
        "type": "message.appended", "session": "s", "role": "user", "content": String(repeating: "x", count: 2 << 20), "tokens": "1",
      ])
      let copying = "select count(*) from pg_stat_activity where query like 'COPY %messages%' and"
      try await product.waitFor("1", "\(copying) wait_event_type = 'Lock'")
      frozen.signal(SIGSTOP)
      try await blocker.script("rollback", deadline: .seconds(60))
      await blocker.close()
      // The server waits for its client, within the transaction that locks the lane's row.
      try await product.waitFor("1", "\(copying) wait_event = 'ClientRead'")

      let second = try await product.startWorker()
      try await product.waitUntilCaughtUp(within: .seconds(45))
      #expect(try await product.value("select count(*) from tidemark.lanes where owner <> '\(owner)'") == "1")
      frozen.signal(SIGCONT)
      try await product.addMessages(500, from: 2)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "501|501")
      #expect(try await product.disorders() == [])
      #expect(try await product.discrepancies() == [])
      #expect(try await product.value("select sum(reread_total + dead_letters_total) from tidemark.lanes") == "0")
      #expect(try await frozen.stop() == 0)
      #expect(try await second.stop() == 0)
    }
  }
}
