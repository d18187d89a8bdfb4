import Testing
import TidemarkCore

@testable import TidemarkConfiguration

/// What is in force of file, environment, flags and tuned values.
@Suite struct SettingsInForceTests {
  private static func row(_ key: String, _ value: String?, _ change: Int64 = 1, lanes: String = "", by: String = "ana@db1") -> TunedSetting
  {
    TunedSetting(place: .init(lanes: lanes, key: key), value: value, change: change, at: "now", by: by, why: "test")
  }

  @Test func aTunedValueOverridesAllOtherSourcesAndAResetBringsThemBack() throws {
    let read = try load(
      "batch: { max_entries: 2 }", environment: ["TIDEMARK_BATCH_MAX_ENTRIES": "3"],
      overlays: [Overlay(key: "batch.max_entries", value: "4", source: .flag("--set"))])
    let tuned = SettingsInForce(read, rows: [Self.row("batch.max_entries", "5")])
    #expect(tuned.loaded.configuration.batch.maxEntries == 5)
    #expect(tuned.loaded.source(of: "batch.max_entries") == .tune)
    #expect(tuned.tuning(of: "batch.max_entries")?.by == "ana@db1")
    let reset = tuned.tuned([Self.row("batch.max_entries", nil, 2)])
    #expect(reset.loaded.configuration.batch.maxEntries == 4)
    #expect(reset.loaded.source(of: "batch.max_entries") == .flag("--set"))
    #expect(reset.tuning(of: "batch.max_entries") == nil)
  }

  @Test func aReloadKeepsWhatIsTunedAndATunedValueOutlivesTheFile() throws {
    let tuned = SettingsInForce(try load("batch: { max_entries: 2 }\nretry: { cap: 9s }"), rows: [Self.row("batch.max_entries", "5")])
    let reloaded = try tuned.reloading(try load("batch: { max_entries: 7 }\nretry: { cap: 8s }"))
    #expect(reloaded.loaded.configuration.batch.maxEntries == 5)
    #expect(reloaded.loaded.configuration.retry.cap == .seconds(8))
    #expect(reloaded.tuned([]).loaded.configuration.batch.maxEntries == 7)
    #expect(throws: ConfigurationError.self) {
      _ = try tuned.reloading(try load("batch: { max_entries: 0 }"))
    }
  }

  @Test func aValueThatTheWorkerDoesNotKnowIsRefusedByItself() throws {
    let rows = [Self.row("seal.rate_of_the_future", "5"), Self.row("log.level", "debug", 2), Self.row("batch.max_entries", "many", 3)]
    let settings = SettingsInForce(try load(), rows: rows)
    #expect(settings.loaded.configuration.log.level == .debug)
    #expect(settings.loaded.configuration.batch.maxEntries == 5000)
    #expect(settings.refused.map(\.setting.place.key).sorted() == ["batch.max_entries", "seal.rate_of_the_future"])
    #expect(settings.refusals?.contains("tune: seal.rate_of_the_future is not a setting") == true)
  }

  @Test func ofValuesThatCanNotBeCombinedTheNewestIsRefusedAndWhatItReplacedRunsOn() throws {
    let running = SettingsInForce(try load("batch: { max_bytes: 20MiB }"), rows: [Self.row("buffer.max_bytes", "100MiB")])
    #expect(running.loaded.configuration.buffer.maxBytes == .mebibytes(100))
    let rows = [Self.row("buffer.max_bytes", "10MiB", 2), Self.row("retry.cap", "7s", 2)]
    let after = running.tuned(rows)
    #expect(after.loaded.configuration.buffer.maxBytes == .mebibytes(100))
    #expect(after.loaded.configuration.retry.cap == .seconds(7))
    #expect(
      after.refusals == "tune: batch.max_bytes (20MiB) is above buffer.max_bytes (10MiB); lower batch.max_bytes or raise buffer.max_bytes")
    // After a restart nothing is known of the value that ran: the worker's own one applies.
    let restarted = SettingsInForce(try load("batch: { max_bytes: 20MiB }"), rows: rows)
    #expect(restarted.loaded.configuration.buffer.maxBytes == .mebibytes(64))
    #expect(restarted.refused.count == 1)
  }

  @Test func valuesThatCanOnlyBeCombinedTogetherApplyInWhateverOrderTheyWereTuned() throws {
    let rows = [Self.row("batch.max_bytes", "100MiB", 2), Self.row("buffer.max_bytes", "300MiB", 3)]
    for rows in [rows, rows.reversed()] {
      let settings = SettingsInForce(try load(), rows: rows)
      #expect(settings.refused.isEmpty)
      #expect(settings.loaded.configuration.batch.maxBytes == .mebibytes(100))
    }
  }

  @Test func lanesHaveLimitsOfTheirOwnAndTheLastTunedIsLast() throws {
    let settings = SettingsInForce(
      try load(),
      rows: [
        Self.row("batch.max_entries", "5", 3, lanes: "orders:*"), Self.row("batch.max_entries", "10", 1),
        Self.row("batch.max_entries", "7", 2, lanes: "orders:eu"), Self.row("batch.max_delay", "5ms", 2, lanes: "orders:*"),
        Self.row("batch.max_bytes", "1MiB", 4, lanes: "jobs"), Self.row("batch.max_bytes", nil, 5, lanes: "gone"),
      ])
    #expect(settings.loaded.configuration.batch.maxEntries == 10)
    #expect(Set(settings.laneLimits.map { "\($0.value)" }).count == 4)
    #expect(settings.laneLimits.last == LaneLimit(lanes: GlobPattern("jobs"), value: .maxBytes(1 << 20)))
    #expect(settings.laneLimits.filter { $0.lanes.matches("orders:eu") }.last?.value == .maxEntries(5))
  }

  /// A key that may be tuned for lanes and that the scheduler is not told of would do nothing.
  @Test func everySettingOfLanesIsALimitOfTheScheduler() {
    let keys = ConfigurationSchema.keys.filter(\.isPerLane)
    #expect(keys.map(\.path) == ["batch.max_entries", "batch.max_bytes", "batch.max_delay"])
    for key in keys {
      #expect(key.isTunable && ConfigurationSchema.limit(key.path, in: Configuration()) != nil)
    }
  }

  @Test func aSettingOfAllLanesIsRefusedForSome() throws {
    let settings = SettingsInForce(try load(), rows: [Self.row("log.level", "debug", lanes: "orders:*")])
    #expect(settings.lanes.isEmpty && settings.laneLimits.isEmpty)
    #expect(
      settings.refusals
        == "tune: log.level applies to all lanes; \(Self.ofAllLanes)")
  }

  private static let tooLarge =
    "tune: batch.max_bytes (65MiB) is above buffer.max_bytes (64MiB); lower batch.max_bytes or raise buffer.max_bytes"
  private static let ofAllLanes = "leave --lane out, or tune one of batch.max_entries, batch.max_bytes, batch.max_delay"

  @Test(arguments: [
    ("batch.max_entries", "0", "", "tune: batch.max_entries is 0, below 1; use 1 to 1000000"),
    ("batch.max_bytes", "65MiB", "", tooLarge),
    ("batch.max_bytes", "65MiB", "a", tooLarge),
    ("retry.cap", "1s", "a", "tune: retry.cap applies to all lanes; \(ofAllLanes)"),
    ("batch.max_entries", "5", "a[", "tune: the pattern \"a[\" has a [ that is never closed; close it with ]"),
    ("postgres.writers", "3", "", "tune: postgres.writers cannot be tuned while workers run; change the file and restart the workers"),
  ])
  func aWrongWishIsNamedBeforeItIsWritten(key: String, value: String, lanes: String, problem: String) throws {
    let settings = SettingsInForce(try load())
    #expect {
      try settings.check([TuningWish(place: .init(lanes: lanes, key: key), value: value)])
    } throws: {
      "\($0)" == problem
    }
  }

  @Test func aWishThatMakesAnotherTunedValueImpossibleIsRefusedAndOldProblemsAreNot() throws {
    let rows = [Self.row("batch.max_bytes", "60MiB", lanes: "large"), Self.row("unknown.key", "1")]
    let settings = SettingsInForce(try load(), rows: rows)
    try settings.check([TuningWish(place: .init(key: "retry.cap"), value: "3s")])
    #expect(throws: ConfigurationError.self) {
      try settings.check([TuningWish(place: .init(key: "buffer.max_bytes"), value: "40MiB")])
    }
    // Both together are possible.
    try settings.check([
      TuningWish(place: .init(key: "buffer.max_bytes"), value: "40MiB"),
      TuningWish(place: .init(lanes: "large", key: "batch.max_bytes"), value: "30MiB"),
    ])
  }

  @Test func aChangeNamesWhatWasInForceWhoTunedItAndWhy() throws {
    let before = SettingsInForce(try load("batch: { max_entries: 2 }"))
    let after = before.tuned([
      Self.row("batch.max_entries", "5"), Self.row("batch.max_delay", "1s", lanes: "a"), Self.row("trim.keep", "1h"), Self.row("x", "1"),
    ])
    let change = SettingsChange(from: before, to: after)
    #expect(
      change.tuned == [
        .init(key: "batch.max_entries", lanes: "", from: "2", to: "5", by: "ana@db1", why: "test"),
        .init(key: "batch.max_delay", lanes: "a", from: nil, to: "1s", by: "ana@db1", why: "test"),
      ])
    #expect(change.refused.map(\.key) == ["x"])
    let reset = SettingsChange(from: after, to: after.tuned([Self.row("batch.max_entries", nil, 2, by: "bo@db2"), Self.row("x", "1")]))
    #expect(reset.tuned.first == .init(key: "batch.max_entries", lanes: "", from: "5", to: "2", by: "bo@db2", why: "test"))
    #expect(reset.refused.isEmpty)
  }
}
