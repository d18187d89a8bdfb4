import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Snapshots that a running worker takes by itself, with the executable and real servers.
@Suite struct SnapshotPolicyTests {
  private static let reasons = "select reason, count(*) from tidemark.snapshots group by 1 order by 1"

  @Test func sessionsGetSnapshotsByCountByTimeAndByTypeAndTheNextOwnerGoesOn() async throws {
    let settings = ["snapshot.every_changes": "5", "snapshot.every": "1h", "snapshot.on": "plan.approved"]
    try await withProduct(settings) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(5, session: "many")
      try await product.addMessages(2, session: "few")
      _ = try await product.add(["type": "plan.approved", "session": "type"])
      try await product.waitFor("every_changes|1\nplan.approved|1", Self.reasons)
      #expect(
        try await product.value("select state #>> '{messages,count}' from tidemark.snapshots where session_id = 'many'") == "5")
      #expect(try await worker.stop() == 0)
      // What the first worker counted and did not record, the second one counts again; it takes nothing twice.
      let next = try await product.startWorker(settings: ["snapshot.every": "1s"])
      try await product.waitFor("every|1\nevery_changes|1\nplan.approved|1", Self.reasons)
      #expect(try await product.value("select session_id from tidemark.snapshots where reason = 'every'") == "few")
      #expect(try await next.stop() == 0)
    }
  }
}
