import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct ReadSizingTests {
  @Test func `the first read is small, full replies double it up to the limit`() {
    var sizing = ReadSizing()
    var counts: [Int] = []
    for _ in 0..<8 {
      let count = sizing.count(credit: 1 << 40, lanes: 1, maxEntries: 500, maxBytes: 1 << 40)
      counts.append(count)
      sizing.received(asked: count, most: count, largest: 10)
    }
    #expect(counts == [16, 32, 64, 128, 256, 500, 500, 500])
  }

  @Test func `a reply that is not full does not enlarge the next`() {
    var sizing = ReadSizing()
    sizing.received(asked: 16, most: 15, largest: 10)
    #expect(sizing.count(credit: 1 << 40, lanes: 1, maxEntries: 500, maxBytes: 1 << 40) == 16)
  }

  @Test func `a count never asks for more than the credit holds of the largest recent entry, but always for one`() {
    var random = SeededGenerator(seed: 9)
    for _ in 0..<200 {
      var sizing = ReadSizing()
      var largest = 1
      for _ in 0..<30 {
        let (credit, lanes, limit) = (1 + random.below(1 << 24), 1 + random.below(70), 1 + random.below(5_000))
        let count = sizing.count(credit: credit, lanes: lanes, maxEntries: limit, maxBytes: 1 << 40)
        #expect(count >= 1)
        #expect(count == 1 || count * lanes <= limit)
        if count > 1 { #expect(count * lanes * largest <= credit) }
        largest = 1 + random.below(100_000)
        sizing.received(asked: count, most: random.below(count + 1), largest: largest)
      }
    }
  }

  @Test func `a reply holds no more than one transaction, whether the read names many lanes or few`() {
    var sizing = ReadSizing()
    for _ in 0..<12 {
      let asked = sizing.count(credit: 1 << 40, lanes: 1, maxEntries: 5_000, maxBytes: 1 << 40)
      sizing.received(asked: asked, most: asked, largest: 500)
    }
    #expect([1, 4, 16].map { sizing.count(credit: 1 << 40, lanes: $0, maxEntries: 5_000, maxBytes: 1 << 40) } == [5_000, 1_250, 312])
    #expect([1, 4, 16].map { sizing.count(credit: 1 << 40, lanes: $0, maxEntries: 5_000, maxBytes: 1_000_000) } == [2_000, 500, 125])
    #expect(sizing.deepLanes(maxEntries: 5_000) == 1)
    #expect(ReadSizing().deepLanes(maxEntries: 5_000) == 312)
  }

  @Test func `after closed connections, replies stay below half of the requested size for a while`() {
    var sizing = ReadSizing()
    func count(_ lanes: Int) -> Int { sizing.count(credit: 1 << 40, lanes: lanes, maxEntries: 5_000, maxBytes: 1 << 40) }
    var asked: [Int] = []
    for _ in 0..<7 {
      asked.append(count(2))
      sizing.closed(asked: count(2), lanes: 2)
    }
    #expect(asked == [16, 8, 4, 2, 1, 1, 1])
    #expect(sizing.closures == 7)
    #expect(sizing.deepLanes(maxEntries: 5_000) == 1)
    // Replies that fit are read, and a larger one is tried only after a while.
    var reads: [Int: Int] = [:]
    for _ in 0..<4 * ReadSizing.calm {
      reads[count(1), default: 0] += 1
      sizing.received(asked: count(1), most: count(1), largest: 10)
    }
    #expect(sizing.closures == 0)
    #expect(reads == [1: ReadSizing.calm, 2: ReadSizing.calm, 4: ReadSizing.calm, 8: ReadSizing.calm])
  }

  @Test func `a large entry shrinks the next reads, and its influence fades`() {
    var sizing = ReadSizing()
    sizing.received(asked: 16, most: 1, largest: 1_000_000)
    #expect(sizing.count(credit: 1_000_000, lanes: 1, maxEntries: 100, maxBytes: 1 << 40) == 1)
    for _ in 0..<200 { sizing.received(asked: 16, most: 1, largest: 10) }
    #expect(sizing.count(credit: 1_000_000, lanes: 1, maxEntries: 100, maxBytes: 1 << 40) == 16)
  }

  @Test func `when a backlog is over the next one begins small again, whatever the reads in between return`() {
    var sizing = ReadSizing()
    for asked in [16, 32, 64, 128] { sizing.received(asked: asked, most: asked, largest: 10) }
    sizing.received(asked: 20, most: 1, largest: 10)
    #expect(sizing.deepLanes(maxEntries: 512) == 2)
    for asked in [256, 128, 64, 32] { sizing.received(asked: asked, most: 3, largest: 10) }
    #expect(sizing.deepLanes(maxEntries: 512) == 512 / ReadSizing.first)
  }

  @Test func `a reply that was too large makes the next one much smaller, down to one`() {
    var sizing = ReadSizing()
    sizing.overran(asked: 512)
    #expect(sizing.count(credit: 1 << 40, lanes: 1, maxEntries: 5_000, maxBytes: 1 << 40) == 64)
    sizing.overran(asked: 3)
    #expect(sizing.count(credit: 1 << 40, lanes: 1, maxEntries: 5_000, maxBytes: 1 << 40) == 1)
  }
}

@Suite struct CreditTests {
  @Test func `a block is held until its last entry is released`() {
    var credit = Credit()
    credit.hold(block: 1, entries: 3, footprint: 100)
    credit.hold(block: 2, entries: 1, footprint: 50)
    #expect(credit.used == 150)
    #expect(credit.available(of: 120) == -30)
    credit.release(block: 1, entries: 2)
    #expect(credit.used == 150)
    credit.release(block: 2, entries: 1)
    #expect(credit.used == 100)
    credit.release(block: 1, entries: 1)
    #expect(credit.used == 0)
  }

  @Test func `a block without entries costs nothing, and a block that is not held is not released`() {
    var credit = Credit()
    credit.hold(block: 1, entries: 0, footprint: 100)
    credit.release(block: 1, entries: 1)
    credit.release(block: 9, entries: 1)
    #expect(credit.used == 0)
  }
}

@Suite struct LaneChunkTests {
  @Test func `a split removes from the front as much as fits, at least one entry, and loses none`() {
    var random = SeededGenerator(seed: 10)
    for _ in 0..<300 {
      let sizes = (0..<1 + random.below(20)).map { _ in random.below(50) }
      var rest = EntryBlock.sized(sizes).chunk(id: 7)
      #expect(rest.byteCount == sizes.reduce(0, +))
      var next = 0
      while !rest.entries.isEmpty {
        let (count, bytes) = (random.below(6), random.below(120))
        let front = rest.split(count: count, bytes: bytes)
        #expect(front.blockID == 7)
        #expect(front.entries.lowerBound == next)
        #expect(!front.entries.isEmpty)
        #expect(front.entries.count <= max(1, count))
        #expect(front.entries.count == 1 || front.byteCount <= bytes)
        #expect(front.byteCount == front.entries.reduce(0) { $0 + sizes[$1] })
        // The split takes as many entries as fit.
        let following = front.entries.upperBound
        if following < sizes.count, front.entries.count < count { #expect(front.byteCount + sizes[following] > bytes) }
        next = following
        #expect(rest.entries == next..<sizes.count)
        #expect(rest.byteCount == sizes[next...].reduce(0, +))
      }
      #expect(next == sizes.count)
    }
  }
}
