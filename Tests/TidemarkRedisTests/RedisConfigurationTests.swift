import Testing
import TidemarkCore

@testable import TidemarkRedis

@Suite("The URL of Redis")
struct RedisConfigurationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var url: String
    var endpoint: RedisConfiguration.Endpoint
    var user: String?
    var password: String?
    var database = 0
    var tls = false

    var testDescription: String { url }
  }

  @Test(
    "Every accepted form is read",
    arguments: [
      Case(url: "redis://127.0.0.1:6380/3", endpoint: .tcp(host: "127.0.0.1", port: 6380), database: 3),
      Case(url: "redis://example.org", endpoint: .tcp(host: "example.org", port: 6379)),
      Case(url: "redis://host/", endpoint: .tcp(host: "host", port: 6379)),
      Case(url: "rediss://host:1/?db=4", endpoint: .tcp(host: "host", port: 1), database: 4, tls: true),
      Case(url: "REDIS://:s3%40%2Fcret@host", endpoint: .tcp(host: "host", port: 6379), password: "s3@/cret"),
      Case(url: "redis://u%C3%A9r:p:w@[::1]:7000/1", endpoint: .tcp(host: "::1", port: 7000), user: "uér", password: "p:w", database: 1),
      Case(url: "redis://host/4?db=4", endpoint: .tcp(host: "host", port: 6379), database: 4),
      Case(url: "unix:///run/redis.sock", endpoint: .unix(path: "/run/redis.sock")),
      Case(url: "unix:///run/my%20redis.sock?db=2", endpoint: .unix(path: "/run/my redis.sock"), database: 2),
      Case(
        url: "redis+sentinel://:pw@one:26379,two,[::1]:5/mymaster/3",
        endpoint: .sentinel(
          service: "mymaster",
          sentinels: [.init(host: "one", port: 26379), .init(host: "two", port: 26379), .init(host: "::1", port: 5)]),
        password: "pw", database: 3),
      Case(
        url: "rediss+sentinel://one/my%20master", endpoint: .sentinel(service: "my master", sentinels: [.init(host: "one", port: 26379)]),
        tls: true),
      Case(
        url: "redis+cluster://one:7000,two", endpoint: .cluster(seeds: [.init(host: "one", port: 7000), .init(host: "two", port: 6379)])),
      Case(
        url: "rediss+cluster://u:pw@one/0", endpoint: .cluster(seeds: [.init(host: "one", port: 6379)]), user: "u", password: "pw",
        tls: true),
      Case(url: "unix://:pw@/run/redis.sock", endpoint: .unix(path: "/run/redis.sock"), password: "pw"),
    ])
  func accepted(one: Case) throws {
    let configuration = try RedisConfiguration(url: one.url)
    #expect(configuration.endpoint == one.endpoint)
    #expect(configuration.username == one.user)
    #expect(configuration.password == one.password)
    #expect(configuration.database == one.database)
    #expect((configuration.tls != nil) == one.tls)
    #expect(configuration.connectTimeout == .seconds(5))
    #expect(configuration.commandTimeout == .seconds(10))
  }

  @Test(
    "A bad URL is refused in one line that names the key and no secret",
    arguments: [
      "localhost:6379", "http://:hunter2@host", "redis://:hunter2@host:port", "redis://:hunter2@host:0", "redis://:hunter2@host:70000",
      "redis://:hunter2@host/x", "redis://:hunter2@host/-1", "redis://:hunter2%zz@host", "redis://:hunter2#@host", "redis://::1/0",
      "redis://:hunter2@a,b/0", "unix://relative.sock", "redis://:hunter2@host?tls=1", "redis://:hunter2/x@host", "redis://[::1/0",
      "redis+sentinel://:hunter2@host", "redis+sentinel://:hunter2@a,,b/m", "redis+sentinel://:hunter2@a/m/0/1",
      "redis+cluster://:hunter2@a/1",
      "redis+cluster://:hunter2@a:x", "redis+cluster://:hunter2@a?db=1", "redis+other://:hunter2@a", "redis+unix:///s",
      "redis://", "redis://u:hunter2@b@host", "redis://host/1?db=2", "redis://:hunter2@host?db=-1", "unix:///s?db=x", "unix:///s?db=",
      "redis://host/99999999999999999999", "redis://host/２",
      "redis://hunter2@host", "redis://:hunter2%00@host", "redis://:%FFhunter2@host", "",
    ])
  func refused(url: String) {
    let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
    #expect(error?.code == .invalidConfiguration)
    let text = error.map { "\($0) \($0.debugDescription)" } ?? ""
    #expect(text.contains("redis.url"))
    #expect(!text.contains("hunter2"))
    #expect(!text.contains("\n"))
  }

  @Test("A password given beside the URL wins, and no description shows it")
  func separatePassword() throws {
    let configuration = try RedisConfiguration(url: "redis://agent:first@host/2", password: "hunter2")
    #expect(configuration.password == "hunter2")
    #expect(configuration.redactedDescription == "redis://agent:***@host:6379/2")
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", String(reflecting: configuration), configuration.address, dumped] {
      #expect(!text.contains("hunter2") && !text.contains("first"))
    }
  }

  @Test("TLS files without rediss, or a certificate without its key, are refused")
  func tlsFiles() {
    #expect(throws: RedisError.self) { try RedisConfiguration(url: "redis://host", tlsCAFile: "/ca.pem") }
    #expect(throws: RedisError.self) { try RedisConfiguration(url: "rediss://host", tlsCertificateFile: "/c.pem") }
  }
}
