import Foundation
import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct TimestampTextTests {
  private static func text(_ milliseconds: Int64) -> String {
    var bytes: [UInt8] = []
    TimestampText.append(milliseconds: milliseconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(
    arguments: [
      (0, "1970-01-01 00:00:00.000+00"), (1, "1970-01-01 00:00:00.001+00"), (86_399_999, "1970-01-01 23:59:59.999+00"),
      (86_400_000, "1970-01-02 00:00:00.000+00"), (951_782_400_000, "2000-02-29 00:00:00.000+00"),
      (1_078_012_800_000, "2004-02-29 00:00:00.000+00"), (4_107_542_399_999, "2100-02-28 23:59:59.999+00"),
      (4_107_542_400_000, "2100-03-01 00:00:00.000+00"), (1_735_689_599_999, "2024-12-31 23:59:59.999+00"),
      (1_795_389_463_124, "2026-11-22 23:17:43.124+00"), (253_402_300_799_999, "9999-12-31 23:59:59.999+00"),
    ] as [(Int64, String)])
  func `a moment is written as Postgres reads it`(milliseconds: Int64, expected: String) {
    #expect(Self.text(milliseconds) == expected)
  }

  @Test func `any day equals the one of Foundation's calendar`() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var random = SeededGenerator(seed: 11)
    for _ in 0..<1_500 {
      let day = Int64.random(in: 0...2_932_896, using: &random)
      let inDay = Int64.random(in: 0..<86_400_000, using: &random)
      let parts = calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
      func padded(_ number: Int64, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
      }
      let date = [padded(Int64(parts.year ?? 0), 4), padded(Int64(parts.month ?? 0), 2), padded(Int64(parts.day ?? 0), 2)]
      let time = [padded(inDay / 3_600_000, 2), padded(inDay / 60_000 % 60, 2), padded(inDay / 1_000 % 60, 2)]
      let expected = "\(date.joined(separator: "-")) \(time.joined(separator: ":")).\(padded(inDay % 1_000, 3))+00"
      #expect(Self.text(day * 86_400_000 + inDay) == expected)
    }
  }
}

@Suite struct DecimalTextTests {
  private static func text(_ number: Int64) -> String {
    var bytes: [UInt8] = [0x3A]
    DecimalText.append(number, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `any integer is written as Swift writes it, behind the existing bytes`() {
    for number in [0, 1, -1, 9, 10, -10, 99, 100, .max, .min, .max - 1, .min + 1] as [Int64] { #expect(Self.text(number) == ":\(number)") }
    var random = SeededGenerator(seed: 12)
    for _ in 0..<2_000 {
      let number = Int64(bitPattern: random.next()) >> random.below(64)
      #expect(Self.text(number) == ":\(number)")
    }
    var bytes: [UInt8] = []
    DecimalText.append(UInt64.max, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "18446744073709551615")
  }

  @Test func `a width is filled with zeros`() {
    for (number, width, expected) in [(0, 1, "0"), (7, 3, "007"), (123, 3, "123"), (9_999, 4, "9999"), (0, 4, "0000")]
      as [(Int64, Int, String)]
    {
      var bytes: [UInt8] = []
      DecimalText.append(number, width: width, to: &bytes)
      #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }
  }
}
