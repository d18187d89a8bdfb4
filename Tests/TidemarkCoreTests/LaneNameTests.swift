import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct LaneNameTests {
  /// Computes CRC-16/XMODEM bit by bit, as the catalogue of CRC algorithms defines it.
  private func slowCRC(_ bytes: [UInt8]) -> UInt16 {
    var crc: UInt32 = 0
    for byte in bytes {
      for bit in (0..<8).reversed() {
        let carry = (crc >> 15 & 1) ^ UInt32(byte >> bit & 1)
        crc = (crc << 1) & 0xFFFF ^ (carry == 1 ? 0x1021 : 0)
      }
    }
    return UInt16(crc)
  }

  @Test func `the checksum has its known values`() {
    #expect(CRC16.xmodem("123456789".utf8) == 0x31C3)
    #expect(CRC16.xmodem([]) == 0)
    // The values are key slots that the Redis Cluster specification and its tests name.
    #expect(CRC16.xmodem("foo".utf8) % 16384 == 12182)
    #expect(CRC16.xmodem("bar".utf8) % 16384 == 5061)
  }

  @Test func `the checksum is the one of the definition for any bytes`() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      let bytes = (0..<random.below(80)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(CRC16.xmodem(bytes) == slowCRC(bytes))
    }
  }

  @Test func `built-in lanes are enumerated and found again by name`() {
    let lanes = BuiltInLanes(prefix: "tidemark", partitions: 16)
    #expect(lanes.names.count == 16)
    #expect(lanes.names.first == "tidemark:{0}:changes")
    #expect(lanes.names.last == "tidemark:{15}:changes")
    for (number, name) in lanes.names.enumerated() { #expect(lanes.partition(of: name) == number) }
  }

  @Test(arguments: [
    "tidemark:{16}:changes", "tidemark:{-1}:changes", "tidemark:{01}:changes", "tidemark:{+1}:changes", "tidemark:{}:changes",
    "tidemark:{1}:change", "tidemark:{1}:changes ", "other:{1}:changes", "tidemark:{1}:lane", "", "tidemark:{1:changes", "tidemark:{}:c",
  ])
  func `a name that only looks like a built-in lane is not one`(name: String) {
    #expect(BuiltInLanes(prefix: "tidemark", partitions: 16).partition(of: name) == nil)
  }

  @Test func `a session belongs to the lane of its checksum`() {
    let lanes = BuiltInLanes(prefix: "t", partitions: 7)
    for session in ["", "a", "123456789", "ß", "session-4711"] {
      #expect(lanes.partition(ofSession: session.utf8) == Int(slowCRC(Array(session.utf8))) % 7)
    }
  }

  @Test func `built-in lanes spread over the shards in turn, others by name`() {
    let lanes = BuiltInLanes(prefix: "t", partitions: 100)
    #expect(lanes.names.map { Shard.of($0, builtIn: lanes) } == (0..<100).map { $0 % Shard.count })
    #expect(Shard.of("orders", builtIn: lanes) == Int(slowCRC(Array("orders".utf8))) % Shard.count)
    #expect(Shard.of("t:{1}:changes", builtIn: nil) == Int(slowCRC(Array("t:{1}:changes".utf8))) % Shard.count)
  }
}
