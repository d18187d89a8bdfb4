import Testing
import TidemarkCore

@testable import TidemarkConfiguration

@Suite struct RedactionTests {
  /// Passwords with characters that confuse parsers.
  static let passwords = [
    "hunter2", "hun@ter2", "hun/ter2", "hun:ter2", "hun?ter2", "hun#ter2", "hun ter2", "hun%ter2", "hun\"ter2", "hun&ter2", "hun=ter2",
  ]
  static let shapes = [
    "%", "redis://:%@h/0", "redis://u:%@h", "rediss://u:%@h:1/0", "redis:/u:%@h", "u:%@h", "redis://u:%", "postgresql://u:%@h/d",
    "postgresql:///d?password=%", "postgresql:///d?user=a&sslpassword=%&x=y", "postgresql:///d?p%61ssword=%", "host=h password=%",
    "postgresql://u:%@h:1,i:2/d?application_name=a@b", "http://u:%@h", "postgresql://u:%@h/d?sslmode=require#%",
  ]

  /// A password appears in no message, listing or print, whether the value is valid or not.
  @Test(arguments: passwords) func noPasswordIsEverShown(password: String) throws {
    for shape in Self.shapes {
      // `redis://u:one@two` is a valid URL whose host is `two`.
      if shape == "redis://u:%", password.contains("@") { continue }
      let value = shape.replacing("p%61ssword", with: "p\u{1}61ssword").replacing("%", with: password).replacing("\u{1}", with: "%")
      for key in ["redis.url", "postgres.url", "redis.password", "postgres.password"] where shape != "%" || key.hasSuffix("password") {
        for text in everythingShown(key: key, value: value) {
          for part in [password, "hun", "ter2"] { #expect(!text.contains(part), "\(key) = \(value): \(text)") }
        }
      }
    }
  }

  @Test func wrongShapesOfSecretsAreNotShown() {
    let yamls = [
      "redis: { password: { hunter2: hunter2 } }", "redis: { password: [hunter2] }", "postgres: { url: [hunter2] }",
      "postgres: { url: { hunter2: a } }", "redis: hunter2", "redis: [hunter2]", "hunter2", "redis: { password: \"hunter2",
      "redis: { password: hunter2\nb: c: d",
      "redis: { password: hunter2, password: hunter2 }", "redis: { password: \"hunter2\\0\" }", "redis: { password: @hunter2 }",
      "redis: { password: *hunter2 }", "redis: { password: \"hunter2\\q\" }",
    ]
    for yaml in yamls {
      #expect(!problems(yaml).isEmpty, "\(yaml)")
      for problem in problems(yaml) { #expect(!problem.contains("hunter2"), "\(problem)") }
    }
  }

  @Test func listingsShowTheRest() throws {
    let loaded = try load(
      "redis: { url: \"rediss://agent:hunter2@cache.example:6380/1\", prefix: acme }",
      environment: ["TIDEMARK_POSTGRES_URL": "postgresql://me@db/d?sslmode=require&sslpassword=hunter2"])
    let settings = Dictionary(uniqueKeysWithValues: loaded.settings.map { ($0.key, $0) })
    #expect(
      settings["redis.url"] == .init(key: "redis.url", value: "rediss://agent:***@cache.example:6380/1", source: "file tidemark.yaml:1"))
    #expect(settings["postgres.url"]?.value == "postgresql://me@db/d?sslmode=require&sslpassword=***")
    #expect(settings["redis.password"]?.value == nil)
    let given = try load(environment: ["TIDEMARK_REDIS_PASSWORD": "hunter2"])
    #expect(given.settings.first { $0.key == "redis.password" }?.value == "***")
  }

  @Test func redactedURLsKeepWhatIsNoSecret() {
    #expect(ServerURL("redis://:a@h/0").redacted == "redis://:***@h/0")
    #expect(ServerURL("redis://u@h").redacted == "redis://u@h")
    #expect(ServerURL("postgresql://u:a@h:1/d?x=y&password=a").redacted == "postgresql://u:***@h:1/d?x=y&password=***")
    #expect(ServerURL("postgresql:///tidemark").redacted == "postgresql:///tidemark")
    #expect(!ServerURL("postgresql:///tidemark?sslmode=require").hasPassword)
    #expect(ServerURL("postgresql:///tidemark?password=a").hasPassword)
    #expect(ServerURL("no url").redacted == "***")
  }

  /// Returns the messages, listings, warnings and prints of a value that is given in every possible way.
  private func everythingShown(key: String, value: String) -> [String] {
    let parts = key.split(separator: ".")
    let quoted = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    let variable = ConfigurationSchema.key(key)?.environmentName ?? ""
    var shown: [String] = []
    let ways: [() throws -> LoadedConfiguration] = [
      { try load("\(parts[0]): { \(parts[1]): \"\(quoted)\" }") },
      { try load("\(parts[0]): { \(parts[1]): [\"\(quoted)\"] }") },
      { try load("\(parts[0]): { \(parts[1]): \(value) }") },
      { try load(environment: [variable: value]) },
      { try load(environment: [variable: value, variable + "_FILE": value]) },
      { try load(environment: [variable + "_FILE": value]) },
      { try load(environment: [variable + "_FILE": "f"], files: ["f": value + "\n"]) },
      { try load(overlays: [Overlay(key: key, value: value, source: .flag("--set"))]) },
      { try load(overlays: [Overlay(key: key, value: value, source: .tune)]) },
    ]
    for way in ways {
      do {
        let loaded = try way()
        shown += loaded.settings.compactMap(\.value) + loaded.warnings
        shown += ["\(loaded.configuration)", String(reflecting: loaded.configuration), "\(loaded.settings)"]
        var dumped = ""
        dump(loaded.configuration, to: &dumped)
        shown.append(dumped)
      } catch {
        shown += ["\(error)", String(reflecting: error)]
      }
    }
    return shown
  }
}
