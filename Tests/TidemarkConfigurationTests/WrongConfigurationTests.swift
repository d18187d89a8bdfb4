import Testing
import TidemarkConfiguration

@Suite struct WrongConfigurationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var yaml: String
    var problems: [String]

    init(_ yaml: String, _ problems: String...) {
      self.yaml = yaml
      self.problems = problems
    }

    var testDescription: String { yaml }
  }

  @Test(arguments: names + types + ranges + texts)
  func aWrongValueIsNamedWithItsPlaceAndItsMend(wrong: Case) {
    #expect(problems(wrong.yaml) == wrong.problems)
  }

  @Test(arguments: combinations)
  func aWrongCombinationIsNamedWithItsPlaceAndItsMend(wrong: Case) {
    #expect(problems(wrong.yaml) == wrong.problems)
  }

  @Test(arguments: documents)
  func aFileThatIsNoMapOfSettingsIsNamedWithItsLine(wrong: Case) {
    #expect(problems(wrong.yaml) == wrong.problems)
  }

  @Test func everyProblemIsReportedByLine() {
    let yaml = """
      lease: { ttl: 0s }
      batch:
        max_entries: 0
        max_bites: 1
      batch:
        max_delay: 5
      retry: { base: 1m, cap: 1s }
      """
    #expect(
      problems(yaml, environment: ["TIDEMARK_LOG_LEVEL": "loud"]) == [
        "tidemark.yaml:1:15: lease.ttl is 0s, below 1s; use 1s to 10m",
        "tidemark.yaml:5:1: batch is given twice, first in line 2; keep one of the two",
        "tidemark.yaml:6:14: batch.max_delay is \"5\", not a duration; write a number and ms, s, m, h or d, such as 10s or 1h30m",
        "tidemark.yaml:7:16: retry.base (1m) is above retry.cap (1s); lower retry.base or raise retry.cap",
        "environment TIDEMARK_LOG_LEVEL: log.level is \"loud\", not one of trace, debug, info, notice, warning, error, critical; write trace",
      ])
  }

  @Test(arguments: [
    "", "# nothing\n", "batch:\n  # max_entries: 1\n", "---\nbatch: {}\n", "\u{FEFF}batch: {}\n", "batch: {}\r\nlog: {}\r\n",
  ])
  func aFileThatSaysNothingIsRight(yaml: String) throws {
    #expect(try load(yaml).configuration == Configuration())
  }

  @Test func anchorsAndAliasesAreFollowed() throws {
    let loaded = try load("lease: { ttl: &patient 20s }\ncheckpoint: { interval: *patient }")
    #expect(loaded.configuration.checkpoint.interval == .seconds(20))
  }

  @Test func aBrokenValueIsNotJudgedAgainstOthers() {
    // The default of `limits.max_entry_bytes`, 32MiB, would exceed the buffer.
    #expect(problems("buffer: { max_bytes: 16MiB }\nlimits: { max_entry_bytes: many }").count == 1)
  }

  @Test func aKeyThatIsGivenThriceIsNamedOnce() {
    #expect(
      problems("lease:\n  ttl: 5s\n  ttl: 6s\n  ttl: 7s\n") == [
        "tidemark.yaml:4:3: lease.ttl is given twice, first in line 2; keep one of the two"
      ])
  }

  @Test func everyProblemIsOneLine() {
    let yaml = "batch: { max_entries: \"a\\nb\\rc\\u2028d\" }\nlog:\n  level: |\n    one\n    two\n\"a\\nb\": 1\n"
    #expect(problems(yaml).count == 3)
    for problem in problems(yaml) { #expect(!problem.contains { $0.isNewline }, "\(problem)") }
  }

  static let names = [
    Case("batch: { max_entrys: 1 }", "tidemark.yaml:1:10: batch.max_entrys is not a setting; did you mean batch.max_entries?"),
    Case("batch: { max_etnries: 1 }", "tidemark.yaml:1:10: batch.max_etnries is not a setting; did you mean batch.max_entries?"),
    Case("bacth: { max_entries: 1 }", "tidemark.yaml:1:1: bacth is not a setting; did you mean batch?"),
    Case("prefix: acme", "tidemark.yaml:1:1: prefix is not a setting; did you mean redis.prefix?"),
    Case(
      "\nredis:\n  tls:\n    ca: x",
      "tidemark.yaml:4:5: redis.tls.ca is not a setting; the settings of redis.tls are ca_file, certificate_file, key_file"),
    Case("log: { colour: red }", "tidemark.yaml:1:8: log.colour is not a setting; the settings of log are level, format"),
    Case("batch.max_entries: 1", "tidemark.yaml:1:1: \"batch.max_entries\" is a single name in YAML; nest it: batch: { max_entries: ... }"),
    Case("batch: 5000", "tidemark.yaml:1:8: batch is a text, not a map; write settings under it: max_entries, max_bytes, max_delay"),
    Case("lease: { ttl: 5s, ttl: 6s }", "tidemark.yaml:1:19: lease.ttl is given twice, first in line 1; keep one of the two"),
  ]

  static let types = [
    Case(
      "batch: { max_entries: many }",
      "tidemark.yaml:1:23: batch.max_entries is \"many\", not a whole number; write digits only, such as 1000"),
    Case(
      "batch: { max_entries: 5.5 }", "tidemark.yaml:1:23: batch.max_entries is \"5.5\", not a whole number; write digits only, such as 1000"
    ),
    Case("batch: { max_entries: }", "tidemark.yaml:1:23: batch.max_entries is empty; give it a value or leave the line out"),
    Case(
      "batch: { max_entries: [1] }", "tidemark.yaml:1:23: batch.max_entries is a list, not a whole number; write digits only, such as 1000"),
    Case(
      "batch: { max_bytes: 8MB }",
      "tidemark.yaml:1:21: batch.max_bytes is \"8MB\", not a size; write a number and B, KiB, MiB or GiB, such as 8MiB"),
    Case(
      "lease: { ttl: 10 }",
      "tidemark.yaml:1:15: lease.ttl is \"10\", not a duration; write a number and ms, s, m, h or d, such as 10s or 1h30m"),
    Case("state: { enabled: yes }", "tidemark.yaml:1:19: state.enabled is \"yes\", not true or false; write true or false"),
    Case("pressure: { memory: 80 }", "tidemark.yaml:1:21: pressure.memory is \"80\", not a percentage; write a number and %, such as 80%"),
    Case(
      "log: { level: inof }",
      "tidemark.yaml:1:15: log.level is \"inof\", not one of trace, debug, info, notice, warning, error, critical; did you mean info?"),
    Case("text: { unstorable: drop }", "tidemark.yaml:1:21: text.unstorable is \"drop\", not one of reject, replace; write reject"),
    Case("rewind: stop", "tidemark.yaml:1:9: rewind is \"stop\", not one of halt, resume, reseed; write halt"),
    Case(
      "redis: { password: [hunter2] }",
      "tidemark.yaml:1:20: redis.password is a list, not a text; write a text, in quotes where it has : or #"),
    Case(
      "snapshot: { on: session.ended }", "tidemark.yaml:1:17: snapshot.on is \"session.ended\", not a list; write a list such as [one, two]"
    ),
    Case(
      "snapshot: { on: [{ a: b }] }",
      "tidemark.yaml:1:18: snapshot.on has an item that is a map, not a text; write a list such as [one, two]"),
    Case("lanes: orders", "tidemark.yaml:1:8: lanes is \"orders\", not a list; write a list of maps such as [{ streams: \"orders:*\" }]"),
    Case("http: { token_file: \"\" }", "tidemark.yaml:1:21: http.token_file is empty; give it a value or leave the line out"),
  ]

  static let ranges = [
    Case("batch: { max_entries: 0 }", "tidemark.yaml:1:23: batch.max_entries is 0, below 1; use 1 to 1000000"),
    Case("state: { partitions: 1025 }", "tidemark.yaml:1:22: state.partitions is 1025, above 1024; use 1 to 1024"),
    Case("postgres: { writers: -1 }", "tidemark.yaml:1:22: postgres.writers is -1, below 1; use 1 to 64"),
    Case("postgres: { writers: 65 }", "tidemark.yaml:1:22: postgres.writers is 65, above 64; use 1 to 64"),
    Case("lease: { ttl: 999ms }", "tidemark.yaml:1:15: lease.ttl is 999ms, below 1s; use 1s to 10m"),
    Case("checkpoint: { interval: 99ms }", "tidemark.yaml:1:25: checkpoint.interval is 99ms, below 100ms; use 100ms to 24h"),
    Case("dedupe: { window: 31d }", "tidemark.yaml:1:19: dedupe.window is 31d, above 30d; use 1s to 30d"),
    Case("pressure: { memory: 101% }", "tidemark.yaml:1:21: pressure.memory is 101%, above 100%; use 1% to 100%"),
    Case("limits: { max_entry_bytes: 1GiB }", "tidemark.yaml:1:28: limits.max_entry_bytes is 1GiB, above 512MiB; use 1KiB to 512MiB"),
  ]

  static let texts = [
    Case(
      "redis: { url: localhost }",
      "tidemark.yaml:1:15: redis.url is not a URL; write redis:// or rediss:// or unix:// and the host, and @ in a password as %40"),
    Case(
      "redis: { url: \"http://a\" }",
      "tidemark.yaml:1:15: redis.url has a scheme other than redis://; write redis:// or rediss:// or unix:// and the host, and @ in a password as %40"
    ),
    Case(
      "redis: { url: \"redis://a:b\" }",
      "tidemark.yaml:1:15: redis.url has a port that is not a number from 1 to 65535; write it as redis://127.0.0.1:6379/0"),
    Case(
      "redis: { url: \"redis://a/b\" }",
      "tidemark.yaml:1:15: redis.url has a database that is not a number; end it with /0 or another number"),
    Case(
      "redis: { url: \"redis://a/0?x=1\" }",
      "tidemark.yaml:1:15: redis.url has a parameter other than ?db=; remove it; files for TLS are settings of redis.tls"),
    Case(
      "postgres: { url: \"host=a password=b\" }",
      "tidemark.yaml:1:18: postgres.url is not a URL; write postgresql:// or postgres:// and the host, and @ in a password as %40"),
    Case(
      "redis: { prefix: \"a{b}\" }",
      "tidemark.yaml:1:18: redis.prefix is \"a{b}\", with a brace, blank or glob character; write a short name such as tidemark"),
    Case("redis: { prefix: \"\" }", "tidemark.yaml:1:18: redis.prefix is empty; write a short name such as tidemark"),
    Case(
      "postgres: { schema: pg_tide }",
      "tidemark.yaml:1:21: postgres.schema is \"pg_tide\", which PostgreSQL reserves; write letters, digits and _ such as tidemark"),
    Case(
      "postgres: { schema: a-b }",
      "tidemark.yaml:1:21: postgres.schema is \"a-b\", not a schema's name; write letters, digits and _ such as tidemark"),
    Case(
      "postgres: { schema: 1a }",
      "tidemark.yaml:1:21: postgres.schema is \"1a\", not a schema's name; write letters, digits and _ such as tidemark"),
    Case(
      "postgres: { schema: \(String(repeating: "x", count: 64)) }",
      "tidemark.yaml:1:21: postgres.schema is longer than 63 bytes, which PostgreSQL would truncate; choose a shorter name"),
    Case(
      "http: { listen: \"9847\" }",
      "tidemark.yaml:1:17: http.listen is \"9847\", not an address; write host:port such as 127.0.0.1:9847, or off"),
  ]

  static let combinations = [
    Case(
      "batch: { max_bytes: 65MiB }",
      "tidemark.yaml:1:21: batch.max_bytes (65MiB) is above buffer.max_bytes (64MiB); lower batch.max_bytes or raise buffer.max_bytes"),
    Case(
      "buffer: { max_bytes: 16MiB }",
      "tidemark.yaml:1:22: limits.max_entry_bytes (32MiB) is above buffer.max_bytes (16MiB); lower limits.max_entry_bytes or raise buffer.max_bytes"
    ),
    Case("retry: { cap: 20ms }", "tidemark.yaml:1:15: retry.base (50ms) is above retry.cap (20ms); lower retry.base or raise retry.cap"),
    Case(
      "pressure: { slow: 1m }",
      "tidemark.yaml:1:19: pressure.slow (1m) is not less than pressure.stop (1m); lower pressure.slow or raise pressure.stop"),
    Case(
      "http: { listen: \"0.0.0.0:9847\" }",
      "tidemark.yaml:1:17: http.listen (0.0.0.0:9847) is open to other machines without http.token_file; set http.token_file, or listen on 127.0.0.1"
    ),
    Case(
      "http: { tls: { key_file: k } }",
      "tidemark.yaml:1:26: http.tls.key_file is set without http.tls.certificate_file; set both or neither"),
    Case(
      "redis: { url: \"rediss://a\", tls: { certificate_file: c } }",
      "tidemark.yaml:1:54: redis.tls.certificate_file is set without redis.tls.key_file; set both or neither"),
    Case(
      "redis: { tls: { ca_file: c } }",
      "tidemark.yaml:1:26: redis.tls has files, and redis.url is without TLS; write redis.url with rediss://"),
    Case(
      "redis: { url: \"redis://:a@b\", password: c }",
      "tidemark.yaml:1:41: redis.password is set, and redis.url has a password as well; remove the password from redis.url"),
    Case(
      "postgres: { password: c, url: \"postgresql:///a?password=b\" }",
      "tidemark.yaml:1:23: postgres.password is set, and postgres.url has a password as well; remove the password from postgres.url"),
    Case(
      "redis: { url: \"redis://a@b\", username: c }",
      "tidemark.yaml:1:40: redis.username is set, and redis.url has a user as well; remove the user from redis.url"),
  ]

  static let documents = [
    Case(
      "redis: [1, 2\nbatch: {}",
      "tidemark.yaml:2:6: this is not YAML: did not find expected ',' or ']'; look at indentation, colons and quotes on this line and the one above"
    ),
    Case(
      "a: b: c",
      "tidemark.yaml:1:5: this is not YAML: mapping values are not allowed in this context; look at indentation, colons and quotes on this line and the one above"
    ),
    Case(
      "batch:\n\tmax_entries: 1",
      "tidemark.yaml:2:1: this is not YAML: found character that cannot start any token; indent with spaces rather than tabs, and quote values that begin with @, ` or %"
    ),
    Case(
      "redis: *missing",
      "tidemark.yaml:1:8: this is not YAML: found undefined alias; look at indentation, colons and quotes on this line and the one above"),
    Case(
      "batch: {}\n---\nlog: {}",
      "tidemark.yaml:2:1: this is not YAML: but found another document; look at indentation, colons and quotes on this line and the one above"
    ),
    Case("- batch", "tidemark.yaml:1:1: the file is a list, not a map; write settings such as batch: { max_entries: 5000 }"),
    Case("batch: {}\nlog: \"\u{7}\"", "tidemark.yaml:2:1: this is not YAML: control characters are not allowed; remove this character"),
  ]
}
