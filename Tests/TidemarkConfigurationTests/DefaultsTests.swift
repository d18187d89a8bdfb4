import Testing
import TidemarkConfiguration

/// The sample in the documentation; every value in it is the default.
private let sample = """
  redis:    { url: "redis://127.0.0.1:6379/0", prefix: tidemark }      # rediss:// is TLS; Sentinel and Cluster see the docs
  postgres: { url: "postgresql:///tidemark", schema: tidemark, writers: 2 }
  state:    { enabled: true, partitions: 16 }                           # the built-in lanes; `lanes:` adds to them
  lanes:    []                                                          # section 5
  discover: 1s                                                          # how fast a pattern finds a new stream
  batch:    { max_entries: 5000, max_bytes: 8MiB, max_delay: 0ms }      # of one transaction; a larger entry travels alone
  buffer:   { max_bytes: 64MiB }
  retry:    { base: 50ms, cap: 10s }
  dead_letters: { halt_after: 1000 }                                    # in a row in one lane: something else is wrong
  dedupe:   { window: 24h }
  lease:    { ttl: 10s }
  checkpoint: { interval: 10s }
  snapshot: { every_changes: 200, every: 5m, on: [session.ended, outcome.recorded] }
  trim:     { enabled: true, keep: 1h, keep_bytes: 1GiB, ignore_groups: [] }   # the smaller bound wins; never below what is durable
  rewind:   resume                                                      # halt | resume | reseed
  pressure: { slow: 5s, stop: 60s, memory: 80%, enforce: false }
  seal:     { interval: 10s }                                           # how far behind the chain over what is stored may be
  reconcile: { interval: 1m, rate: 2000, repair: none }                 # entries and sessions a second at most; repair: none | missing | all
  hot:      { messages: 200, evict_idle_after: 0s }                     # 0: never
  forget:   { refuse: true }                                            # changes of what was forgotten are dead letters
  limits:   { max_entry_bytes: 32MiB, max_fields: 10000 }
  text:     { unstorable: reject }                                      # or replace
  retention: { checkpoints: 30d, snapshots_per_session: 3, dead_letters_resolved: 90d }   # changes, messages: for ever unless set
  http:     { listen: "127.0.0.1:9847" }                                # token_file, tls
  log:      { level: info, format: text }                               # or json
  """

@Suite struct DefaultsTests {
  @Test func theSampleIsTheDefault() throws {
    let loaded = try load(sample)
    #expect(loaded.configuration == Configuration())
    #expect(loaded.warnings.isEmpty)
    #expect(loaded.changes(from: try load()).isEmpty)
  }

  @Test func theSampleNamesEverySettingThatHasADefaultButTheTimeouts() throws {
    let loaded = try load(sample)
    let untouched = ConfigurationSchema.keys.filter { loaded.source(of: $0.path) == .standard && $0.defaultText != nil }.map(\.path)
    #expect(untouched == ["postgres.statement_timeout", "postgres.lock_timeout"])
  }

  @Test(
    arguments: [
      ("redis.url", "redis://127.0.0.1:6379/0"), ("redis.prefix", "tidemark"), ("redis.username", nil), ("redis.password", nil),
      ("redis.tls.ca_file", nil), ("redis.tls.certificate_file", nil), ("redis.tls.key_file", nil),
      ("postgres.url", "postgresql:///tidemark"), ("postgres.schema", "tidemark"), ("postgres.writers", "2"),
      ("postgres.password", nil), ("postgres.statement_timeout", "1m"), ("postgres.lock_timeout", "5s"),
      ("state.enabled", "true"), ("state.partitions", "16"), ("lanes", "[]"), ("discover", "1s"),
      ("batch.max_entries", "5000"), ("batch.max_bytes", "8MiB"), ("batch.max_delay", "0s"), ("buffer.max_bytes", "64MiB"),
      ("retry.base", "50ms"), ("retry.cap", "10s"), ("dead_letters.halt_after", "1000"), ("dedupe.window", "24h"),
      ("lease.ttl", "10s"), ("checkpoint.interval", "10s"), ("limits.max_entry_bytes", "32MiB"), ("text.unstorable", "reject"),
      ("http.listen", "127.0.0.1:9847"), ("http.token_file", nil), ("http.tls.certificate_file", nil), ("http.tls.key_file", nil),
      ("log.level", "info"), ("log.format", "text"), ("snapshot.every_changes", "200"), ("snapshot.every", "5m"),
      ("snapshot.on", "[session.ended, outcome.recorded]"), ("trim.enabled", "true"), ("trim.keep", "1h"),
      ("trim.keep_bytes", "1GiB"), ("trim.ignore_groups", "[]"), ("rewind", "resume"), ("pressure.slow", "5s"),
      ("pressure.stop", "1m"), ("pressure.memory", "80%"), ("pressure.enforce", "false"), ("reconcile.interval", "1m"),
      ("reconcile.rate", "2000"), ("reconcile.repair", "none"), ("seal.interval", "10s"), ("hot.messages", "200"),
      ("hot.evict_idle_after", "0s"), ("forget.refuse", "true"),
      ("retention.checkpoints", "30d"),
      ("retention.snapshots_per_session", "3"), ("retention.dead_letters_resolved", "90d"), ("retention.changes", nil),
      ("retention.messages", nil),
    ] as [(String, String?)])
  func aSettingHasItsDefault(key: String, text: String?) throws {
    let key = try #require(ConfigurationSchema.key(key))
    #expect(key.defaultText == text)
  }

  @Test func everyDefaultIsReadBackAsItself() throws {
    for key in ConfigurationSchema.keys {
      guard let text = key.defaultText, key.path != "lanes" else { continue }
      let loaded = try load(environment: [key.environmentName: text == "[]" ? "," : text])
      #expect(loaded.configuration == Configuration(), "\(key.path)")
    }
  }

  @Test func reloadableAreTheSectionsThatTheDocumentationPromises() {
    let promised: Set = [
      "batch", "buffer", "retry", "trim", "snapshot", "reconcile", "pressure", "lanes", "retention", "hot", "seal", "log",
    ]
    for key in ConfigurationSchema.keys {
      let section = key.path.split(separator: ".").first.map(String.init) ?? ""
      #expect(key.isReloadable == (promised.contains(section) && key.path != "log.format"), "\(key.path)")
      #expect(!key.isTunable || key.isReloadable, "\(key.path)")
    }
  }

  @Test func namesOfTheEnvironmentAreUnique() {
    let names = ConfigurationSchema.keys.flatMap { [$0.environmentName, $0.environmentName + "_FILE"] }
    #expect(Set(names).count == names.count)
    #expect(Set(ConfigurationSchema.keys.map(\.path)).count == ConfigurationSchema.keys.count)
  }
}
