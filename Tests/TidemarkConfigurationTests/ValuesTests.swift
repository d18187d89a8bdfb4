import Testing

@testable import TidemarkConfiguration

@Suite struct ValuesTests {
  @Test(
    arguments: [
      ("0", 0), ("512B", 512), ("64KiB", 65_536), ("8MiB", 8 << 20), ("1GiB", 1 << 30), ("1TiB", 1 << 40), ("1234", 1234),
      ("8MB", nil), ("8mib", nil), ("MiB", nil), ("", nil), ("-1", nil), ("1.5MiB", nil), ("8 MiB", nil), ("99999999999TiB", nil),
      ("٣", nil),
    ] as [(String, Int?)])
  func sizesAreRead(text: String, bytes: Int?) {
    #expect(ByteCount(text)?.bytes == bytes)
  }

  @Test func sizesAreReadBackAsThemselves() {
    for shift in 0..<50 {
      for count in [ByteCount(1 << shift), ByteCount(3 << shift), ByteCount((1 << shift) + 1)] {
        #expect(ByteCount(count.description) == count)
      }
    }
    #expect(ByteCount(0).description == "0B")
  }

  @Test(
    arguments: [
      ("0ms", 0), ("0", 0), ("5s", 5000), ("1m", 60_000), ("24h", 86_400_000), ("30d", 2_592_000_000), ("1h30m", 5_400_000),
      ("1d2h3m4s5ms", 93_784_005), ("5", nil), ("s", nil), ("", nil), ("30m1h", nil), ("1s1s", nil), ("1.5s", nil), ("-1s", nil),
      ("1 s", nil), ("5 sec", nil), ("99999999999999999d", nil), ("1h5", nil),
    ] as [(String, Int?)])
  func durationsAreRead(text: String, milliseconds: Int?) {
    #expect(Duration(settingText: text) == milliseconds.map { .milliseconds($0) })
  }

  @Test func durationsAreReadBackAsThemselves() {
    for milliseconds in [0, 1, 50, 999, 1000, 1001, 60_000, 90_000, 3_600_000, 5_400_000, 86_400_000, 129_600_000, 172_800_001] {
      let duration = Duration.milliseconds(milliseconds)
      #expect(Duration(settingText: duration.settingText) == duration, "\(duration.settingText)")
    }
    #expect(Duration.seconds(86_400).settingText == "24h")
    #expect(Duration.seconds(30 * 86_400).settingText == "30d")
    #expect(Duration.seconds(5400).settingText == "1h30m")
  }

  @Test(
    arguments: [
      ("off", true), ("127.0.0.1:9847", true), ("127.9.9.9:1", true), ("localhost:1", true), ("[::1]:1", true), ("0.0.0.0:1", false),
      ("[::]:1", false), ("10.0.0.1:1", false), ("127.0.0.1.example.org:1", false), ("example.org:0", false), (":1", nil), ("a", nil),
      ("a:", nil), ("a:65536", nil), ("::1:1", nil), ("a b:1", nil), ("http://a:1", nil),
    ] as [(String, Bool?)])
  func addressesAreRead(text: String, isLoopback: Bool?) {
    #expect(ListenAddress(text)?.isLoopback == isLoopback)
    if isLoopback != nil { #expect(ListenAddress(text)?.description == text) }
  }

  @Test func redisURLsMayBeShort() throws {
    for url in ["redis://h", "redis://h:1", "redis://h/", "redis://[::1]", "redis://[::1]:6379/3", "rediss://u:p@h:1/2"] {
      #expect(problems("redis: { url: \"\(url)\" }").isEmpty, "\(url)")
    }
  }
}
