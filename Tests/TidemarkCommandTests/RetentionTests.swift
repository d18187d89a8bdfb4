import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// The rows that a running worker removes from Postgres by itself, with the executable and real servers.
@Suite struct RetentionTests {
  /// A query that counts the remaining rows of ``addOldRows(_:)``.
  private static let left = """
    select (select count(*) from tidemark.checkpoints where worker = 'old'), (select count(*) from tidemark.dead_letters),
           (select count(*) from tidemark.snapshots)
    """

  /// Adds rows of a lane that ended long ago: checkpoints of 0 to 99 days, dead letters that were resolved as long ago and some open ones;
  /// and snapshots.
  private func addOldRows(_ product: Product) async throws {
    try await product.value(
      """
      insert into tidemark.checkpoints (lane, taken_at, entry_ms, entry_no, incarnation, applied_no, read_total, applied_total, worker, seal)
      select 'ended', now() - make_interval(days => d), 1, 0, 1, 1, 1, 1, 'old', '' from generate_series(0, 99) d;
      insert into tidemark.dead_letters (lane, entry_ms, entry_no, reason, detail, raw, raw_complete, at, resolved_at, resolution)
      select 'ended', d + 1, 0, 'constraint', '', '{}', true, now() - interval '200 days',
             case when d < 100 then now() - make_interval(days => d) end, 'discarded' from generate_series(0, 104) d;
      insert into tidemark.snapshots (session_id, entry_ms, entry_no, lane_id, taken_at, state, digest)
      select 's', n, 0, 1, now(), '{}', '' from generate_series(1, 10) n;
      """)
  }

  @Test func aWorkerRemovesWhatWasKeptForLongEnoughAndNothingElse() async throws {
    try await withProduct { product in
      try await addOldRows(product)
      let worker = try await product.startWorker()
      // 30 days of checkpoints, 90 of dead letters and five open ones, and three snapshots remain.
      try await product.waitFor("30|95|3", Self.left)
      try await waitUntil("it says what it removed") { worker.standardError.components(separatedBy: "retention.removed").count == 4 }
      #expect(worker.standardError.contains("rows=70"), "\(worker.standardError)")
      #expect(try await product.value("select min(entry_ms), max(entry_ms) from tidemark.snapshots") == "8|10")
      #expect(try await product.value("select count(*) from tidemark.dead_letters where resolved_at is null") == "5")
      try await product.addMessages(100)
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
    }
  }

  /// Runs a worker that keeps everything for a year, and reloads it with short retention times once `body` is done.
  private func reload(
    _ product: Product, settings: [String: String] = [:], _ body: () async throws -> Void = {}
  ) async throws -> TidemarkProcess {
    let file = FileManager.default.temporaryDirectory.appending(path: "tidemark-retention-\(UUID()).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    func write(_ kept: String, _ snapshots: Int) throws {
      let text = "retention: { checkpoints: \(kept), dead_letters_resolved: \(kept), snapshots_per_session: \(snapshots) }\n"
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    try write("365d", 10)
    let worker = try await product.startWorker("--config", file.path, settings: settings)
    try await body()
    try write("12h", 1)
    worker.signal(SIGHUP)
    try await worker.waitForOutput("configuration.reloaded")
    return worker
  }

  @Test func aReloadThatKeepsLessIsFollowedAtOnce() async throws {
    try await withProduct { product in
      try await addOldRows(product)
      let worker = try await reload(product)
      try await product.waitFor("1|6|1", Self.left)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aTableThatMayNotBeDeletedFromKeepsNoOtherWaiting() async throws {
    try await withProduct { product in
      let database = product.postgres.database
      let role = "\(database)_keeper"
      try await product.postgres.adminPsql(
        """
        create role "\(role)" login; grant connect on database "\(database)" to "\(role)";
        grant usage on schema tidemark to "\(role)"; grant all on all tables in schema tidemark to "\(role)";
        """)
      try await addOldRows(product)
      let worker = try await reload(product, settings: ["postgres.url": product.postgres.url(database: database, role: role)]) {
        try await product.postgres.adminPsql("revoke delete on tidemark.checkpoints from \"\(role)\"")
      }
      try await product.waitFor("100|6|1", Self.left)
      try await worker.waitForOutput("retention.waiting")
      #expect(worker.standardError.contains("table=checkpoints"), "\(worker.standardError)")
      #expect(try await worker.stop() == 0)
      try await product.postgres.adminPsql("drop owned by \"\(role)\" cascade; drop role \"\(role)\"")
    }
  }
}
