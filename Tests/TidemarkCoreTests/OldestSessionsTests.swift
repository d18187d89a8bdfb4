import Testing

@testable import TidemarkCore

@Suite struct OldestSessionsTests {
  private static func session(_ id: Int, usedAt: Int) -> FoundSession {
    FoundSession(id: "s\(id)", lane: "a", usedAt: Int64(usedAt), isDurable: true)
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `the oldest of all sessions are kept in bounded memory, in whatever order they come`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let all = (0..<1000).map { Self.session($0, usedAt: $0 / 3) }.shuffled(using: &random)
    var oldest = OldestSessions(capacity: 40)
    var most = 0
    for session in all {
      oldest.insert(session)
      most = max(most, oldest.count)
    }
    #expect(oldest.isIncomplete && most <= 80)
    let first = oldest.takeOldest(15)
    #expect(first.map(\.usedAt) == (0..<15).map { Int64($0 / 3) })
    #expect(oldest.oldest()?.usedAt == 5)
    let others = oldest.takeOldest(100)
    #expect(others.map(\.usedAt) == (15..<40).map { Int64($0 / 3) })
    #expect(Set((first + others).map(\.id)).count == 40)
    #expect(oldest.oldest() == nil)
  }

  @Test func `a session that is found twice is taken once, as it was used last`() {
    var oldest = OldestSessions(capacity: 3)
    for (id, time) in [(1, 10), (2, 20), (1, 30), (2, 15)] { oldest.insert(Self.session(id, usedAt: time)) }
    #expect(oldest.takeOldest(5) == [Self.session(2, usedAt: 20), Self.session(1, usedAt: 30)])
    #expect(!oldest.isIncomplete)
  }
}
