import Testing

@testable import TidemarkConfiguration

@Suite struct PrecedenceTests {
  @Test func theLaterSourceWins() throws {
    let flag = Overlay(key: "batch.max_entries", value: "4", source: .flag("--set"))
    let tuned = Overlay(key: "batch.max_entries", value: "5", source: .tune)
    let variable = ["TIDEMARK_BATCH_MAX_ENTRIES": "3"]
    let file = "log: {}\nbatch:\n  max_entries: 2\n"
    let all = [
      (try load(), 5000, "default"),
      (try load(file), 2, "file tidemark.yaml:3"),
      (try load(file, environment: variable), 3, "environment TIDEMARK_BATCH_MAX_ENTRIES"),
      (try load(file, environment: variable, overlays: [flag]), 4, "flag --set"),
      // The order of the overlays does not matter.
      (try load(file, environment: variable, overlays: [tuned, flag]), 5, "tune"),
    ]
    for (loaded, value, source) in all {
      #expect(loaded.configuration.batch.maxEntries == value)
      #expect(loaded.settings.first { $0.key == "batch.max_entries" }?.source == source)
    }
  }

  @Test func aDedicatedFlagIsNamed() throws {
    let loaded = try load(overlays: [Overlay(key: "http.listen", value: "off", source: .flag("--listen"))])
    #expect(loaded.configuration.http.listen == .off)
    #expect(loaded.settings.first { $0.key == "http.listen" } == .init(key: "http.listen", value: "off", source: "flag --listen"))
  }

  @Test func aFileOfASecretLosesOneNewline() throws {
    for (content, password) in [("geheim\n", "geheim"), ("geheim\r\n", "geheim"), ("geheim\n\n", "geheim\n"), ("ge heim", "ge heim")] {
      let loaded = try load(environment: ["TIDEMARK_REDIS_PASSWORD_FILE": "/run/secret"], files: ["/run/secret": content])
      #expect(loaded.configuration.redis.password?.value == password)
      #expect(loaded.source(of: "redis.password") == .environment("TIDEMARK_REDIS_PASSWORD_FILE"))
    }
  }

  @Test func aFileStandsForAnySetting() throws {
    let loaded = try load(
      environment: ["TIDEMARK_REDIS_TLS_CA_FILE_FILE": "f", "TIDEMARK_REDIS_URL": "rediss://a"], files: ["f": "/ca.pem\n"])
    #expect(loaded.configuration.redis.tls.caFile == "/ca.pem")
  }

  @Test(arguments: [
    (
      ["TIDEMARK_REDIS_PASSWORD": "a", "TIDEMARK_REDIS_PASSWORD_FILE": "f"],
      "environment TIDEMARK_REDIS_PASSWORD_FILE: redis.password is given twice, by TIDEMARK_REDIS_PASSWORD as well; unset one of the two"
    ),
    (
      ["TIDEMARK_REDIS_PASSWORD_FILE": "missing"],
      "environment TIDEMARK_REDIS_PASSWORD_FILE: redis.password is to be read from a file that does not exist; "
        + "correct the path or unset the variable"
    ),
    (
      ["TIDEMARK_BATCH_MAX_ENTRYS": "1"],
      "environment TIDEMARK_BATCH_MAX_ENTRYS: TIDEMARK_BATCH_MAX_ENTRYS is not a setting; did you mean TIDEMARK_BATCH_MAX_ENTRIES?"
    ),
    (
      ["TIDEMARK_COLOUR": "red"],
      "environment TIDEMARK_COLOUR: TIDEMARK_COLOUR is not a setting; unset it, or see the names in the reference of settings"
    ),
    (
      ["TIDEMARK_STATE_ENABLED": "1"],
      "environment TIDEMARK_STATE_ENABLED: state.enabled is \"1\", not true or false; write true or false"
    ),
    (["TIDEMARK_CONFIG": "a.yaml"], "environment TIDEMARK_CONFIG: there is no file \"a.yaml\"; create it or name another"),
  ])
  func aWrongVariableIsNamed(environment: [String: String], problem: String) {
    #expect(problems(environment: environment, files: ["f": "b"]) == [problem])
  }

  @Test func variablesOfOthersAreLeftAlone() throws {
    let loaded = try load(environment: [
      "TIDEMARK_TEST_SERVERS": "1", "TIDEMARK_SERVICE_HOST": "10.0.0.1", "TIDEMARK_SERVICE_PORT": "9847",
      "TIDEMARK_SERVICE_PORT_HTTP": "9847", "TIDEMARK_PORT": "tcp://10.0.0.1:9847", "TIDEMARK_PORT_9847_TCP": "tcp://10.0.0.1:9847",
      "TIDEMARK_PORT_9847_TCP_ADDR": "10.0.0.1", "TIDEMARK_PORT_9847_TCP_PORT": "9847", "TIDEMARK_PORT_9847_TCP_PROTO": "tcp",
      "TIDEMARK_REDIS_SERVICE_PORT": "6379", "TIDEMARK_REDIS_PORT_6379_TCP_PORT": "6379", "TIDEMARK_METRICS_SERVICE_HOST": "10.0.0.2",
      "HOME": "/", "TIDEMARK_LOG_LEVEL": "",
    ])
    #expect(loaded.configuration == Configuration())
    #expect(problems(environment: ["TIDEMARK_PORT": "9847"]).count == 1)
  }

  @Test func theFileIsLookedForInItsUsualPlaces() throws {
    let near = "batch: { max_entries: 1 }"
    let far = "batch: { max_entries: 2 }"
    let named = "batch: { max_entries: 3 }"
    let files = MemoryFileSystem(files: ["tidemark.yaml": near, "/etc/tidemark.yaml": far, "x.yaml": named])
    func entries(_ files: MemoryFileSystem, _ path: String?, _ environment: [String: String] = [:]) throws -> (Int, String?) {
      let loaded = try ConfigurationLoader(fileSystem: files, environment: environment).load(path: path)
      return (loaded.configuration.batch.maxEntries, loaded.path)
    }
    #expect(try entries(files, nil) == (1, "tidemark.yaml"))
    #expect(try entries(files, "x.yaml") == (3, "x.yaml"))
    #expect(try entries(files, nil, ["TIDEMARK_CONFIG": "x.yaml"]) == (3, "x.yaml"))
    #expect(try entries(files, "tidemark.yaml", ["TIDEMARK_CONFIG": "x.yaml"]) == (1, "tidemark.yaml"))
    #expect(try entries(MemoryFileSystem(files: ["/etc/tidemark.yaml": far]), nil) == (2, "/etc/tidemark.yaml"))
    #expect(try entries(MemoryFileSystem(), nil) == (5000, nil))
  }

  @Test func aFileThatCannotBeReadIsNoMissingFile() {
    let loader = ConfigurationLoader(fileSystem: MemoryFileSystem(locked: ["tidemark.yaml"]), environment: [:])
    #expect {
      _ = try loader.load()
    } throws: {
      "\($0)" == "tidemark.yaml:1:1: the file \"tidemark.yaml\" cannot be read: permission denied; let this user read it"
    }
    #expect {
      _ = try loader.load(path: "none.yaml")
    } throws: {
      "\($0)" == "flag --config: there is no file \"none.yaml\"; create it or name another"
    }
  }

  @Test(arguments: [
    ("batch.max_entrys", "1", "flag --set: batch.max_entrys is not a setting; did you mean batch.max_entries?"),
    ("batch", "1", "flag --set: batch is a section; name one of its settings: max_entries, max_bytes, max_delay"),
    (
      "redis.password", "hunter2",
      "flag --set: redis.password is a secret, which a flag would show to others; give the password in a file named by TIDEMARK_REDIS_PASSWORD_FILE"
    ),
    (
      "redis.url", "redis://u:hunter2@h",
      "flag --set: redis.url has a password, which a flag would show to others; give the password in a file named by TIDEMARK_REDIS_PASSWORD_FILE"
    ),
    (
      "postgres.url", "host=h password=hunter2",
      "flag --set: postgres.url has a password, which a flag would show to others; give the password in a file named by TIDEMARK_POSTGRES_PASSWORD_FILE"
    ),
  ])
  func aWrongFlagIsNamed(key: String, value: String, problem: String) {
    #expect(problems(overlays: [Overlay(key: key, value: value, source: .flag("--set"))]) == [problem])
  }
}
