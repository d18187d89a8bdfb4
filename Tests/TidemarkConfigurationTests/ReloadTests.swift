import Testing

@testable import TidemarkConfiguration

@Suite struct ReloadTests {
  @Test func changesAreSplitByWhatARunningWorkerTakes() throws {
    let old = try load("batch: { max_entries: 10 }\nlanes: [{ streams: a }]")
    let new = try load("\nlog: { level: debug }\nlanes: [{ streams: b }]\npostgres: { password: x }")
    #expect(
      new.changes(from: old)
        == .init(reloadable: ["lanes", "batch.max_entries", "log.level"], needsRestart: ["postgres.password"]))
  }

  @Test func aChangedPasswordIsAChange() throws {
    let changes = try load("redis: { password: a }").changes(from: try load("redis: { password: b }"))
    #expect(changes.needsRestart == ["redis.password"])
    let inURL = try load("redis: { url: \"redis://:a@h\" }").changes(from: try load("redis: { url: \"redis://:b@h\" }"))
    #expect(inURL.needsRestart == ["redis.url"])
  }

  @Test func aMovedLineIsNoChange() throws {
    #expect(try load("\n\nlanes: [{ streams: a }]").changes(from: try load("lanes: [{ streams: a }]")).isEmpty)
  }

  @Test func aReloadTakesReloadableSettingsAndKeepsTheOthersWithWhereTheyCameFrom() throws {
    let old = try load(
      "batch: { max_entries: 10, max_bytes: 1MiB }\nretry: { cap: 9s }\nlimits: { max_entry_bytes: 2MiB }\ncheckpoint: { interval: 5s }")
    let new = try load(
      "\nbatch: { max_entries: 20 }\nlanes: [{ streams: a }]\nlimits: { max_entry_bytes: 3MiB }\ndead_letters: { halt_after: 5 }",
      environment: ["TIDEMARK_RETRY_CAP": "8s", "TIDEMARK_DISCOVER": "7s"])
    let inForce = try old.reloading(new)
    var expected = new.configuration
    expected.limits = old.configuration.limits
    expected.checkpoint = old.configuration.checkpoint
    expected.deadLetters = old.configuration.deadLetters
    expected.discover = old.configuration.discover
    #expect(inForce.configuration == expected)
    let shown = ["batch.max_entries", "batch.max_bytes", "retry.cap", "limits.max_entry_bytes", "checkpoint.interval", "discover"]
    #expect(
      shown.map { inForce.source(of: $0).description } == [
        "file tidemark.yaml:2", "default", "environment TIDEMARK_RETRY_CAP", "file tidemark.yaml:3", "file tidemark.yaml:4", "default",
      ])
    // The differences last until a restart, so the next reload reports them again.
    #expect(
      new.changes(from: inForce)
        == .init(needsRestart: ["discover", "dead_letters.halt_after", "checkpoint.interval", "limits.max_entry_bytes"]))
  }

  @Test func aReloadThatDoesNotGoWithASettingThatStaysIsRefused() throws {
    let old = try load("limits: { max_entry_bytes: 20MiB }")
    let new = try load("limits: { max_entry_bytes: 1MiB }\nbuffer: { max_bytes: 10MiB }")
    #expect {
      _ = try old.reloading(new)
    } throws: {
      "\($0)".contains("limits.max_entry_bytes (20MiB) is above buffer.max_bytes (10MiB)")
    }
  }

  @Test func reservedSettingsAwayFromTheirDefaultsAreWarnedOf() throws {
    let loaded = try load(
      "retention: { checkpoints: 2d, messages: 2d }", environment: ["TIDEMARK_RETENTION_CHANGES": "1d"])
    #expect(
      loaded.warnings == [
        "environment TIDEMARK_RETENTION_CHANGES: retention.changes is reserved: this release reads it but ignores it",
        "tidemark.yaml:1:41: retention.messages is reserved: this release reads it but ignores it",
      ])
  }

  @Test func oneSettingIsReadByItself() throws {
    let setting = try ConfigurationSchema.parse(key: "batch.max_bytes", value: "1MiB")
    #expect(setting.value == .bytes(.mebibytes(1)))
    #expect(setting.shown == "1MiB")
    var configuration = Configuration()
    setting.apply(to: &configuration)
    #expect(configuration.batch.maxBytes == .mebibytes(1))
  }

  @Test(arguments: [
    ("batch.max_entries", "0", "tune: batch.max_entries is 0, below 1; use 1 to 1000000"),
    ("batch.max_entrie", "1", "tune: batch.max_entrie is not a setting; did you mean batch.max_entries?"),
    ("log.format", "json", "tune: log.format cannot be tuned while workers run; change the file and restart the workers"),
    ("lanes", "[]", "tune: lanes cannot be tuned while workers run; change the file and send SIGHUP"),
  ])
  func oneWrongSettingIsNamed(key: String, value: String, problem: String) {
    #expect {
      _ = try ConfigurationSchema.parse(key: key, value: value)
    } throws: {
      "\($0)" == problem
    }
  }

  @Test func tunedValuesAreJudgedTogetherWithTheRest() throws {
    let loaded = try load("buffer: { max_bytes: 40MiB }")
    let tuned = try loaded.applying([Overlay(key: "batch.max_bytes", value: "39MiB", source: .tune)])
    #expect(tuned.configuration.batch.maxBytes == .mebibytes(39))
    #expect(tuned.source(of: "buffer.max_bytes").description == "file tidemark.yaml:1")
    #expect {
      _ = try loaded.applying([Overlay(key: "batch.max_bytes", value: "41MiB", source: .tune)])
    } throws: {
      "\($0)" == "tune: batch.max_bytes (41MiB) is above buffer.max_bytes (40MiB); lower batch.max_bytes or raise buffer.max_bytes"
    }
  }

  @Test(arguments: [nil, "/etc/tidemark.yaml"]) func aReloadWithoutTheFileIsRefused(other: String?) throws {
    let text = "lanes: [{ streams: a }]"
    let old = try load(text)
    let files = MemoryFileSystem(files: other.map { [$0: text] } ?? [:])
    let new = try ConfigurationLoader(fileSystem: files, environment: [:]).load()
    #expect(new.path == other)
    #expect {
      _ = try old.reloading(new)
    } throws: {
      "\($0)".contains("the file that this worker was started with is gone") && "\($0)".contains("put it back")
    }
    // If the worker was started without a file, a file that appears later is used.
    #expect(try new.reloading(new).path == other)
  }

  @Test func whatIsNotInForceIsToldWithBothValuesAndWithoutSecrets() throws {
    let old = try load("limits: { max_entry_bytes: 1MiB }\nredis: { password: hunter2 }")
    let new = try load("limits: { max_entry_bytes: 2MiB }\nredis: { password: hunter3 }")
    let told = new.differences(of: new.changes(from: old).needsRestart, from: old)
    #expect(told.contains("limits.max_entry_bytes=2MiB (in force: 1MiB)"))
    #expect(told.contains("redis.password (changed)"))
    #expect(!told.joined().contains("hunter"))
  }
}
