import Testing

@testable import TidemarkPostgres

@Suite struct PostgresConfigurationTests {
  @Test func `what the user did not set gets our value, what they set stays`() throws {
    let configuration = try PostgresConfiguration(url: "postgresql://u@h/d?connect_timeout=1&application_name=mine")
    #expect(configuration.options["connect_timeout"] == "1")
    #expect(configuration.options["application_name"] == "mine")
    #expect(configuration.options["tcp_user_timeout"] == "15000")
    // What a role or a database says of read-only transactions is overruled, so it must not keep libpq from connecting.
    #expect(configuration.options["target_session_attrs"] == "primary")
    #expect(configuration.wantsWritable)
    #expect(configuration.connectTimeout == .seconds(1))
  }

  @Test(arguments: ["postgresql://u@h/d?client_encoding=LATIN1", "host=h client_encoding=auto"])
  func `no URL decides how text is encoded`(url: String) throws {
    #expect(try PostgresConfiguration(url: url).options["client_encoding"] == "UTF8")
  }

  @Test func `a password given apart wins`() throws {
    let configuration = try PostgresConfiguration(url: "host=h password=old user=u", password: "new")
    #expect(configuration.options["password"] == "new")
  }

  @Test(arguments: [
    "postgresql://u:hunter2@h:1/d", "postgresql://u@h:1/d?password=hunter2", "host=h port=1 dbname=d user=u password='hunter2'",
  ]) func `the description tells where and never the password`(url: String) throws {
    let text = try PostgresConfiguration(url: url).redactedDescription
    #expect(text == "h:1 database d as u")
  }

  @Test(arguments: [
    "postgresql://u:%hunter2@h/d", "postgresql://u@h/d?hunter2", "host=h password=x hunter2", "postgresql://u@h/d?unknown=hunter2",
    "postgresql://u@[hunter2/d", "host=h hunter2=1", "password='hunter2", "nonsense hunter2", "postgresql://h\0hunter2",
    "postgresql://u:pass@hunter2@h/d", "postgresql://u:hunter2/word@h/d", "postgresql://u:12/hunter2@h/d", "postgresql://u:1?2@hunter2@h/d",
    "host=h port=hunter2",
  ]) func `a bad URL gives one line without its text`(url: String) {
    do {
      _ = try PostgresConfiguration(url: url)
      Issue.record("accepted \(url)")
    } catch let error as PostgresError {
      #expect(error.kind == .misuse)
      #expect(!"\(error)\(error.debugDescription)".contains("hunter2"))
      #expect(!"\(error)".contains("\n"))
    } catch {
      Issue.record(error)
    }
  }

  @Test(arguments: [
    "postgresql://u%40x:a%40b%2Fc@h/d", "postgres://[::1]:5432/d", "postgresql:///d?host=/run/x&user=u@x", "postgresql://",
    "postgresql://u:12?34@h/d",
  ])
  func `an unusual URL that is right is taken`(url: String) throws {
    _ = try PostgresConfiguration(url: url)
  }

  @Test func `each host of a list is an attempt of its own`() throws {
    let configuration = try PostgresConfiguration(url: "postgresql://a:1,b:2,c:3/d")
    #expect(configuration.attempts.map { $0["host"] } == ["a", "b", "c"])
    #expect(configuration.attempts.map { $0["port"] } == ["1", "2", "3"])
    let shared = try PostgresConfiguration(url: "host=a,b port=7 hostaddr=10.0.0.1,10.0.0.2")
    #expect(shared.attempts.map { $0["hostaddr"] } == ["10.0.0.1", "10.0.0.2"])
    #expect(shared.attempts.map { $0["port"] } == ["7", "7"])
    #expect(try PostgresConfiguration(url: "host=a port=1,2").attempts.count == 1)
  }

  @Test func `a time never rounds down to for ever`() {
    #expect(Duration.microseconds(1).milliseconds == 1)
    #expect(Duration.seconds(5).milliseconds == 5000)
    #expect(Duration.zero.milliseconds == 0)
  }
}
