import Testing

@testable import TidemarkRedis

@Suite("What is told to Redis in clear text")
struct RedisTransportTests {
  @Test(arguments: [
    "redis://cache.example:6379/0", "rediss://:secret@cache.example:6379/0", "redis://:secret@127.0.0.1:6379/0",
    "redis://:secret@localhost:6379/0", "redis://:secret@[::1]:6379/0", "unix:///run/redis.sock?password=secret",
    "rediss+cluster://:secret@one.example:6379", "redis+sentinel://one.example:26379/service/0",
  ])
  func nothing(url: String) throws {
    #expect(try RedisConfiguration(url: url).hostsToldInClearText == [])
  }

  @Test(arguments: [
    ("redis://:secret@cache.example:6379/0", ["cache.example"]), ("redis://user:secret@10.0.0.7:6379/0", ["10.0.0.7"]),
    ("redis+cluster://:secret@one.example:6379,127.0.0.1:6379", ["one.example"]),
    ("redis+sentinel://:secret@one.example:26379,two.example:26379/service/0", ["one.example", "two.example"]),
  ])
  func thePassword(url: String, hosts: [String]) throws {
    #expect(try RedisConfiguration(url: url).hostsToldInClearText == hosts)
  }

  @Test func thatOfTheSentinels() throws {
    var configuration = try RedisConfiguration(url: "redis+sentinel://one.example:26379/service/0")
    configuration.sentinelPassword = "secret"
    #expect(configuration.hostsToldInClearText == ["one.example"])
  }
}
