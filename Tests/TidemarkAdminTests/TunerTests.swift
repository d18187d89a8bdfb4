import Logging
import Testing
import TidemarkConfiguration
import TidemarkCore
import TidemarkPostgres
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin

/// Orders of operators against a real ledger.
@Suite struct TunerTests {
  private func withTuner(_ body: (Tuner, TuningStore) async throws -> Void) async throws {
    try await withPostgres { server in
      let (configuration, logger) = (try PostgresConfiguration(url: server.url), Logger(label: "test"))
      let connection = try PostgresConnection(configuration: configuration, logger: logger)
      try await connection.connect(deadline: .seconds(60))
      try await Migrator(connection: connection, schema: "tide", logger: logger).migrate()
      await connection.close()
      let sink = try PostgresSink(
        configuration: configuration, settings: SinkSettings(schema: "tide", dedupeWindow: .zero), destinations: [], version: "1",
        logger: logger)
      let store = try TuningStore(sink: sink, schema: "tide")
      let read = try ConfigurationLoader(environment: ["TIDEMARK_BATCH_MAX_ENTRIES": "300"]).load()
      try await body(Tuner(store: store, read: { read }), store)
    }
  }

  private static func set(_ key: String, _ value: String, lanes: String? = nil) -> TuneOrder {
    TuneOrder(.set([.init(key: key, value: value)]), lanes: lanes, by: "ana@db1", why: "test")
  }

  @Test func `a change shows what was and what is in force, and an undo brings back what was`() async throws {
    try await withTuner { tuner, _ in
      let first = try await tuner.perform(Self.set("batch.max_entries", "10"))
      #expect(first.settings == [.init(lanes: nil, key: "batch.max_entries", from: "300", to: "10", applies: "with the next transaction")])
      #expect(first.text() == "batch.max_entries: 300 -> 10, with the next transaction")
      _ = try await tuner.perform(Self.set("batch.max_entries", "20"))
      let undo = try await tuner.perform(TuneOrder(.undo, by: "bo"))
      #expect(undo.undoes == 2 && undo.settings.first?.to == "10")
      let second = try await tuner.perform(TuneOrder(.undo, by: "bo"))
      #expect(second.undoes == 1 && second.settings.first?.to == "300")
      #expect(second.text() == "change 4 takes back change 1: batch.max_entries: 10 -> 300, with the next transaction")
      let error = await #expect(throws: TuneRefusal.self) { try await tuner.perform(TuneOrder(.undo, by: "bo")) }
      #expect(error == TuneRefusal(.nothing, "tune: there is no change to take back"))
      let listing = try await tuner.listing(history: 10)
      #expect(listing.settings.first { $0.key == "batch.max_entries" }?.source == "environment TIDEMARK_BATCH_MAX_ENTRIES")
      #expect(listing.history.map(\.change) == [4, 3, 2, 1])
      #expect(listing.historyText().contains("takes back 1"))
    }
  }

  @Test func `a wrong order writes nothing`() async throws {
    try await withTuner { tuner, store in
      let wrong = TuneOrder(
        .set([.init(key: "retry.cap", value: "5s"), .init(key: "batch.max_bytes", value: "65MiB")]), by: "ana")
      for order in [
        wrong, Self.set("batch.max_entry", "1"), Self.set("log.level", "debug", lanes: "a"),
        TuneOrder(.set([.init(key: "retry.cap", value: "5s"), .init(key: "retry.cap", value: "6s")]), by: "ana"),
      ] {
        let refusal = await #expect(throws: TuneRefusal.self) { try await tuner.perform(order) }
        #expect(refusal?.kind == .wrong && refusal?.lines.count == 1)
      }
      let changes = try await store.history(10)
      #expect(changes.isEmpty)
      let nothing = await #expect(throws: TuneRefusal.self) { try await tuner.perform(TuneOrder(.reset(["retry.cap"]), by: "ana")) }
      #expect(nothing?.kind == .nothing)
    }
  }

  @Test func `lanes have values of their own, and a reset takes all or some of them`() async throws {
    try await withTuner { tuner, store in
      _ = try await tuner.perform(Self.set("batch.max_entries", "5", lanes: "orders:*"))
      let change = try await tuner.perform(Self.set("batch.max_entries", "7", lanes: "orders:*"))
      #expect(change.text() == "batch.max_entries of orders:*: 5 -> 7, with the next transaction")
      _ = try await tuner.perform(Self.set("retry.cap", "5s"))
      let listing = try await tuner.listing(history: 0)
      #expect(listing.lanes.map(\.value) == ["7"])
      #expect(listing.settings.first { $0.key == "retry.cap" }?.source == "tune")
      #expect(listing.text().contains("orders:*") && listing.text().contains("tune by ana@db1 at "))
      _ = try await tuner.perform(TuneOrder(.reset(["batch.max_entries"]), lanes: "orders:*", by: "ana"))
      #expect(try await store.tuning().filter { $0.value != nil }.map(\.place.key) == ["retry.cap"])
      _ = try await tuner.perform(TuneOrder(.undo, by: "ana"))
      _ = try await tuner.perform(TuneOrder(.reset([]), by: "ana"))
      #expect(try await store.tuning().allSatisfy { $0.value == nil })
    }
  }
}
