import NIOCore
import Testing

@testable import TidemarkTestKit

/// Tests the proxy's core, segment by segment, without a socket.
struct FaultCoreTests {
  private var bench = FaultBench()

  init() { bench.open() }

  @Test mutating func `without a fault all segments pass as they came`() {
    #expect(bench.send("abc", .up) == ["1 up abc"])
    #expect(bench.send("def", .down) == ["1 down def"])
    #expect(bench.handle(.ended(.up)) == ["1 up end"])
    #expect(bench.send("ghi", .down) == ["1 down ghi"])
    #expect(bench.handle(.ended(.down)) == ["1 down end"])
    #expect(bench.handle(.gone(.server)) == [])
    #expect(bench.handle(.gone(.client)) == [])
    #expect(bench.connections == 0)
  }

  @Test mutating func `an abrupt end of one side is an abrupt end for the other`() {
    #expect(bench.handle(.gone(.server)) == ["1 reset client behind"])
    #expect(bench.handle(.gone(.client)) == [])
    bench.open(2)
    bench.handle(.ended(.up), 2)
    #expect(bench.handle(.gone(.client), 2) == ["2 reset server behind"])
  }

  @Test mutating func `a client whose server can't be reached is reset`() {
    #expect(bench.handle(.arrived, 2) == ["2 connect"])
    #expect(bench.handle(.notConnected, 2) == ["2 reset client"])
    bench.handle(.arrived, 3)
    bench.handle(.gone(.client), 3)
    #expect(bench.handle(.connected, 3) == ["3 reset server"])
  }

  /// Exactly the segment that completes the text is lost, however the bytes are divided into segments.
  @Test(arguments: 1...9) func `a text is found across the borders of segments`(size: Int) {
    let bytes = Array("xCOMCOMMITyz")
    let segments = stride(from: 0, to: bytes.count, by: size).map { String(bytes[$0..<min($0 + size, bytes.count)]) }
    // The tenth byte completes the text.
    let passing = segments.prefix(9 / size)
    var bench = FaultBench()
    bench.open()
    bench.apply(.lose(.down, "COMMIT"))
    var seen: [String] = []
    for segment in segments { seen += bench.send(segment, .down) }
    #expect(seen == passing.map { "1 down \($0)" } + ["1 reset client behind", "1 up end", "lost down COMMIT"])
  }

  @Test mutating func `a loss drops the later segments of its connection, and happens once`() {
    bench.open(2)
    bench.apply(.lose(.up, "XACK"))
    #expect(bench.send("XACK", .down) == ["1 down XACK"])
    #expect(bench.send("a XACK b", .up) == ["1 reset client behind", "1 up end", "lost up XACK"])
    #expect(bench.send("more", .up) == [])
    #expect(bench.send("answer", .down) == [])
    #expect(bench.handle(.gone(.client)) == [])
    #expect(bench.handle(.ended(.down)) == [])
    #expect(bench.connections == 1)
    #expect(bench.send("XACK", .up, 2) == ["2 up XACK"])
  }

  @Test mutating func `each connection is searched for the text separately`() {
    bench.open(2)
    bench.apply(.lose(.up, "ab"))
    #expect(bench.send("a", .up, 1) == ["1 up a"])
    #expect(bench.send("b", .up, 2) == ["2 up b"])
    #expect(bench.send("a", .up, 2) == ["2 up a"])
    #expect(bench.send("b", .up, 2).last == "lost up ab")
  }

  @Test mutating func `bytes from before the command do not count`() {
    bench.send("CO", .down)
    bench.apply(.hold(.down, "COMMIT"))
    #expect(bench.send("MMIT", .down) == ["1 down MMIT"])
  }

  @Test mutating func `a held direction keeps its order, and the other direction goes on`() {
    bench.apply(.hold(.down, "two"))
    #expect(bench.send("one", .down) == ["1 down one"])
    #expect(bench.send("two", .down) == ["held down two"])
    #expect(bench.send("three", .down) == [])
    #expect(bench.handle(.ended(.down)) == [])
    #expect(bench.send("up", .up) == ["1 up up"])
    #expect(bench.apply(.go) == ["1 down two", "1 down three", "1 down end"])
    #expect(bench.apply(.go) == [])
  }

  @Test mutating func `a held segment may trigger the next fault when it is released`() {
    bench.apply(.hold(.down, "a"))
    bench.apply(.lose(.down, "b"))
    #expect(bench.send("ab", .down) == ["held down a"])
    bench.send("c", .down)
    #expect(bench.apply(.go) == ["1 reset client behind", "1 up end", "lost down b"])
  }

  @Test(arguments: [0, 1, 3, 4, 5, 8, 9]) func `exactly the given number of bytes passes`(count: Int) {
    var bench = FaultBench()
    bench.open()
    bench.send("before", .down)
    bench.apply(.truncate(.down, count))
    #expect(bench.send("free", .up) == ["1 up free"])
    var seen: [String] = []
    for segment in ["abcd", "efgh", "ijkl"] { seen += bench.send(segment, .down) }
    let passed = seen.filter { $0.hasPrefix("1 down ") }.map { $0.dropFirst("1 down ".count) }.joined()
    #expect(passed == "abcdefghijkl".prefix(count))
    #expect(seen.suffix(2) == ["1 reset client behind", "1 reset server behind"])
  }

  @Test mutating func `a truncation applies to the first connection with data`() {
    bench.open(2)
    bench.apply(.truncate(.up, 2))
    #expect(bench.send("abc", .up, 2) == ["2 up ab", "2 reset server behind", "2 reset client behind"])
    #expect(bench.send("abc", .up, 1) == ["1 up abc"])
  }

  @Test mutating func `delayed segments keep their order`() {
    bench.apply(.delay(.milliseconds(100)))
    bench.send("a", .up)
    #expect(bench.advance(milliseconds: 30) == [])
    bench.send("b", .up)
    bench.send("x", .down)
    bench.apply(.delay(.zero))
    // The segment has no delay, but must not overtake the ones under way.
    bench.send("c", .up)
    bench.handle(.ended(.up))
    #expect(bench.advance(milliseconds: 99) == ["70: 1 up a"])
    #expect(bench.advance(milliseconds: 1) == ["1: 1 down x", "1: 1 up b", "1: 1 up c", "1: 1 up end"])
    #expect(bench.send("d", .down) == ["1 down d"])
    #expect(bench.wakes.isEmpty)
  }

  @Test mutating func `a loss with a delay comes after the earlier segments`() {
    bench.apply(.delay(.milliseconds(10)))
    bench.apply(.lose(.down, "COMMIT"))
    bench.send("ready", .down)
    #expect(bench.send("COMMIT", .down) == ["lost down COMMIT"])
    #expect(bench.advance(milliseconds: 10) == ["10: 1 down ready", "10: 1 reset client behind", "10: 1 up end"])
  }

  @Test mutating func `segments are divided to the given size`() {
    bench.apply(.segments(3))
    #expect(bench.send("abcdefgh", .down) == ["1 down abc", "1 down def", "1 down gh"])
    bench.apply(.segments(0))
    #expect(bench.send("abcdefgh", .down) == ["1 down abcdefgh"])
  }

  @Test mutating func `swallowed segments never arrive, and clear resets their connections`() {
    bench.apply(.delay(.milliseconds(5)))
    bench.send("under way", .up)
    bench.apply(.swallow)
    #expect(bench.handle(.arrived, 2) == ["2 read client"])
    #expect(bench.send("a", .up) + bench.send("b", .down) + bench.send("c", .up, 2) == [])
    #expect(bench.advance(milliseconds: 10) == [])
    #expect(bench.handle(.ended(.down)) == [])
    #expect(bench.connections == 2)
    // The connection is half-open: the server is not notified that the client has gone.
    #expect(bench.handle(.gone(.client)) == [])
    #expect(bench.apply(.clear) == ["1 reset server", "2 reset client"])
    bench.handle(.gone(.server))
    bench.handle(.gone(.client), 2)
    bench.open(3)
    #expect(bench.send("d", .up, 3) == ["3 up d"])
  }

  @Test mutating func `only new connections are refused`() {
    bench.apply(.refuse)
    #expect(bench.handle(.arrived, 2) == ["2 reset client"])
    #expect(bench.send("a", .up) == ["1 up a"])
    bench.apply(.clear)
    #expect(bench.handle(.arrived, 3) == ["3 connect"])
  }

  @Test mutating func `a reset ends all open connections`() {
    bench.open(2)
    bench.apply(.hold(.up, "held"))
    bench.send("held", .up)
    #expect(bench.apply(.reset) == ["1 reset client", "1 reset server", "2 reset client", "2 reset server"])
    #expect(bench.apply(.go) == [])
    #expect(bench.handle(.gone(.client)) == [])
    bench.open(3)
    #expect(bench.send("a", .up, 3) == ["3 up a"])
  }

  @Test mutating func `clear removes pending faults and releases held segments`() {
    bench.apply(.lose(.down, "COMMIT"))
    bench.apply(.hold(.up, "held"))
    bench.apply(.truncate(.down, 5))
    bench.send("abc", .down)
    bench.send("held", .up)
    #expect(bench.apply(.clear) == ["1 up held"])
    #expect(bench.send("COMMIT", .down) == ["1 down COMMIT"])
    #expect(bench.connections == 1)
  }
}
