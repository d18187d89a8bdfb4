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
    let catalog = LaneCatalog(prefix: "tidemark", partitions: 16)
    #expect(catalog.partitionLanes == lanes.names)
    for (number, name) in lanes.names.enumerated() {
      #expect(catalog.profile(of: name)?.role == .partition(SessionPartition(number: number, count: 16)))
    }
  }

  @Test(arguments: [
    "tidemark:{16}:changes", "tidemark:{-1}:changes", "tidemark:{01}:changes", "tidemark:{+1}:changes", "tidemark:{}:changes",
    "tidemark:{1}:change", "tidemark:{1}:changes ", "other:{1}:changes", "tidemark:{1}:lane", "", "tidemark:{1:changes", "tidemark:{}:c",
  ])
  func `a name that only looks like a built-in lane is not one`(name: String) {
    #expect(LaneCatalog(prefix: "tidemark", partitions: 16).profile(of: name) == nil)
  }

  @Test func `a session belongs to the lane of its checksum`() {
    let lanes = BuiltInLanes(prefix: "t", partitions: 7)
    for session in ["", "a", "123456789", "ß", "session-4711"] {
      let partition = SessionPartition(number: lanes.partition(ofSession: session.utf8), count: 7)
      #expect(partition.holds(sessionOf: CRC16.xmodem(session.utf8)))
      #expect(lanes.lane(ofSession: session.utf8) == "t:{\(partition.number)}:changes")
      #expect(lanes.partition(ofSession: session.utf8) == Int(slowCRC(Array(session.utf8))) % 7)
    }
  }

  @Test func `built-in lanes spread over the shards in turn, others by name`() {
    let lanes = LaneCatalog(prefix: "t", partitions: 100, items: [LaneItem(streams: "ord*", start: .oldest)])
    #expect(lanes.partitionLanes.map { lanes.shard(of: $0) } == (0..<100).map { $0 % Shard.count })
    #expect(lanes.shard(of: "orders") == Int(slowCRC(Array("orders".utf8))) % Shard.count)
    #expect(lanes.profile(of: "orders")?.shard == lanes.shard(of: "orders"))
    let off = LaneCatalog(prefix: "t", partitions: nil)
    #expect(off.shard(of: "t:{1}:changes") == Int(slowCRC(Array("t:{1}:changes".utf8))) % Shard.count)
  }
}
