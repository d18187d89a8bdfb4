import Testing

@testable import TidemarkAdmin

@Suite struct ConnectionTableTests {
  @Test func `a peer with too many pushes out its own, those first that said nothing for longest`() {
    var table = ConnectionTable(total: 100, perPeer: 3)
    let others = (0..<10).map { _ in table.open(from: "other").evicted == nil }
    #expect(others.filter(\.self).count == 3)
    let own = (0..<3).map { _ in table.open(from: "own") }
    #expect(own.allSatisfy { $0.evicted == nil })
    table.mark(own[0].number, isAnswered: true)
    #expect(table.open(from: "own").evicted == own[1].number)
    // The answer of the first connection is written, so the others have now waited longer.
    table.mark(own[0].number, isAnswered: false)
    #expect(table.open(from: "own").evicted == own[2].number)
    #expect(table.count == 6)
  }

  @Test func `slow readers go where nobody else waits, the slowest first`() {
    var table = ConnectionTable(total: 100, perPeer: 2)
    let (first, second) = (table.open(from: "a").number, table.open(from: "a").number)
    table.mark(second, isAnswered: true)
    table.mark(first, isAnswered: true)
    #expect(table.open(from: "a").evicted == second)
  }

  @Test func `in all, the largest crowd makes room, and whoever has few connections keeps them`() {
    var table = ConnectionTable(total: 10, perPeer: 8)
    let probe = table.open(from: "probe").number
    let crowd = (0..<8).map { _ in table.open(from: "crowd").number }
    #expect(table.open(from: "third").evicted == nil)
    #expect(table.open(from: "fourth").evicted == crowd[0])
    #expect(table.open(from: "crowd").evicted == crowd[1])
    table.close(probe)
    #expect(table.open(from: "fifth").evicted == nil)
    #expect(table.count == 10)
  }

  @Test func `what is closed counts no more, and a number that is gone changes nothing`() {
    var table = ConnectionTable(total: 1, perPeer: 1)
    let first = table.open(from: "a").number
    let second = table.open(from: "b")
    #expect(second.evicted == first)
    table.mark(first, isAnswered: true)
    table.close(first)
    #expect(table.count == 1)
    table.close(second.number)
    #expect(table.open(from: "c").evicted == nil)
  }
}
