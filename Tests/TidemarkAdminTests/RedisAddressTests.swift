import Testing
import TidemarkConfiguration
import TidemarkRedis

/// The configuration and the connection read a Redis URL by the same rules.
@Suite struct RedisAddressTests {
  private static let accepted: [(url: String, address: String)] = [
    ("redis://host?db=4", "redis://host:6379/4"), ("redis://host/4", "redis://host:6379/4"),
    ("rediss://:a%40b@[::1]:7000/1?db=1", "rediss://[::1]:7000/1"), ("REDIS://host", "redis://host:6379/0"),
    ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"), ("redis://host/70000", "redis://host:6379/70000"),
    ("redis+sentinel://one,two:5/service?db=3", "redis+sentinel://one:26379,two:5/service/3"),
    ("redis+cluster://one/0?db=0", "redis+cluster://one:6379"),
  ]
  private static let refused = [
    "redis://host/1?db=2", "redis://host?db=x", "redis://host?db", "redis://host?db=", "redis://host?tls=1", "unix:///run/redis.sock?db=-1",
    "unix:///run/redis.sock?name=1", "redis+cluster://one?db=1", "redis+unix:///run/redis.sock", "redis://", "redis://host:0",
    "redis://a:b@c@d", "redis://ho st", "redis://host/%zz", "host:6379",
  ]

  private struct NoFiles: ConfigurationFileSystem {
    func contents(of path: String) -> [UInt8]? { nil }
  }

  private static func load(_ url: String) throws -> Configuration {
    try ConfigurationLoader(fileSystem: NoFiles(), environment: ["TIDEMARK_REDIS_URL": url]).load().configuration
  }

  @Test(arguments: accepted) func `a URL that the configuration accepts leads to the server and database that it names`(
    url: String, address: String
  ) throws {
    #expect(try RedisConfiguration(url: Self.load(url).redis.url.text).address == address)
  }

  @Test(arguments: refused) func `a URL is refused by the configuration and by the connection alike`(url: String) {
    #expect(throws: ConfigurationError.self) { try Self.load(url) }
    #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
  }
}
