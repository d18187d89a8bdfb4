import Testing

@testable import TidemarkPostgres

@Suite struct PostgresTransportTests {
  private func risk(_ url: String) throws -> PostgresTransport.Risk? { try PostgresConfiguration(url: url).transport.risk }

  @Test(arguments: [
    "postgresql:///tidemark", "postgresql:///d?host=/run/postgresql", "postgresql:///d?host=%2Frun%2Fpostgresql", "host=@abstract",
    "postgresql://u@localhost/d", "postgresql://u@LOCALHOST:5432/d?sslmode=disable", "postgresql://u@127.0.0.1/d",
    "postgresql://u@127.5.6.7/d", "postgresql://u@[::1]:5432/d", "postgresql://db.example/d?hostaddr=127.0.0.1",
    "postgresql://u@db.example/d?sslmode=verify-full", "postgresql://u@db.example/d?sslmode=verify-ca",
    "postgresql://u@db.example/d?sslmode=require&sslrootcert=/etc/ca.pem", "postgresql://u@one.example,two.example/d?sslmode=verify-full",
    "postgresql://u@db.example/d?gssencmode=require",
  ])
  func `this machine, and a server that proves who it is, are no risk`(url: String) throws {
    #expect(try risk(url) == nil)
  }

  @Test(arguments: [
    ("postgresql://u@db.example/d", ["db.example"], "prefer", false),
    ("postgresql://u@db.example/d?sslmode=prefer&sslrootcert=/etc/ca.pem", ["db.example"], "prefer", false),
    ("postgresql://u@db.example/d?sslmode=allow", ["db.example"], "allow", false),
    ("postgresql://u@10.0.0.7/d?sslmode=disable", ["10.0.0.7"], "disable", false),
    ("postgresql://u@db.example/d?sslmode=require", ["db.example"], "require", true),
    ("postgresql://u@127.0.0.1.example.org/d", ["127.0.0.1.example.org"], "prefer", false),
    ("postgresql://u@localhost/d?hostaddr=10.0.0.7", ["10.0.0.7"], "prefer", false),
    ("postgresql://u@localhost,two.example:5433,three.example/d", ["two.example", "three.example"], "prefer", false),
    ("postgresql://u@[2001:db8::1]/d", ["2001:db8::1"], "prefer", false),
  ])
  func `another machine that need not prove who it is, is one`(url: String, hosts: [String], mode: String, isEncrypted: Bool) throws {
    #expect(try risk(url) == PostgresTransport.Risk(hosts: hosts, sslmode: mode, isEncrypted: isEncrypted))
  }

  @Test func `the system's certificates go with verify-full alone`() {
    #expect(PostgresTransport(hosts: ["db.example"], sslmode: "", rootCertificates: "system", gssencmode: "").risk == nil)
    #expect(PostgresTransport(hosts: ["db.example"], sslmode: "", rootCertificates: "", gssencmode: "").risk?.sslmode == "prefer")
  }
}
