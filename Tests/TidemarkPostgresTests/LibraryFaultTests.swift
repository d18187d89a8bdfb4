import Synchronization
import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

/// What only libpq itself has to do with, and what may pass.
@Suite struct LibraryFaultTests {
  @Test(arguments: [
    #"invalid sslmode value: "bad""#, #"definition of service "nosuch" not found"#, "local user with ID 4711 does not exist",
    #"could not look up local user ID 4711: No such process"#, #"invalid target_session_attrs value: "any""#,
    #"service file "/nowhere/pg_service.conf" not found"#, #"invalid integer value "x" for connection option "keepalives""#,
    #"connection to server at "h" (10.0.0.1), port 5432 failed: root certificate file "/nowhere.pem" does not exist"#,
    #"connection to server at "h" (10.0.0.1), port 5432 failed: private key file "/key" has group or world access"#,
  ]) func `what libpq refuses by itself waits for a person`(message: String) {
    let error = PostgresError(connecting: message + "\n")
    #expect(error.kind == .misuse)
    #expect(error.message == message)
    #expect(error.hint?.isEmpty == false)
    #expect(!error.isRetryable)
  }

  @Test(arguments: [
    #"connection to server at "127.0.0.1", port 1 failed: Connection refused"#,
    #"connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory"#,
    #"could not translate host name "db" to address: Temporary failure in name resolution"#, "out of memory",
    #"connection to server at "h", port 5432 failed: FATAL:  57P03: the database system is starting up"#,
    #"connection to server at "h", port 5432 failed: server closed the connection unexpectedly"#,
    #"connection to server at "h", port 5432 failed: SSL error: certificate verify failed"#,
    "could not connect to server: Connection refused",
  ]) func `what happens on the way to a server is waited for`(message: String) {
    let error = PostgresError(connecting: message + "\n")
    #expect(error.kind == .connection)
    #expect(error.isRetryable)
  }

  @Test(arguments: [
    ("sslmode=bad", "sslmode"), ("service=nosuch", "nosuch"), ("sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem"),
  ])
  func `libpq's own words are known`(option: String, text: String) async throws {
    try await withPostgres { server in
      let configuration = try PostgresConfiguration(url: server.url + "?" + option)
      let connection = try PostgresConnection(configuration: configuration, logger: .init(label: "test"))
      do {
        try await connection.connect(deadline: generous)
        // A server without TLS is asked for it before libpq reads its files.
        Issue.record("it connected")
      } catch let error as PostgresError {
        if !option.contains("rootcert") { #expect(error.kind == .misuse, "\(error)") }
        #expect(error.message.contains(text) || error.message.contains("does not support SSL"), "\(error)")
      }
    }
  }

  @Test func `a password is read again with each connection`() throws {
    let passwords = PasswordList(["first", "second", nil])
    var configuration = try PostgresConfiguration(url: "host=h user=u", password: "old")
    configuration.passwordSource = .init(place: "file") { passwords.next() }
    #expect(configuration.attempts.map { $0["password"] } == ["first"])
    #expect(configuration.attempts.map { $0["password"] } == ["second"])
    // What can't be read now: the last one that is known by the configuration.
    #expect(configuration.attempts.map { $0["password"] } == ["old"])
  }
}

/// Hands out one after the other.
private final class PasswordList: Sendable {
  private let rest: Mutex<[String?]>

  init(_ passwords: [String?]) { rest = Mutex(passwords) }

  func next() -> String? { rest.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}
