import Testing

@testable import TidemarkCore

@Suite struct WaitingRequestsTests {
  private func requests(_ sessions: [String], from first: UInt64 = 1) -> LaneRequests {
    LaneRequests(
      lane: "l",
      entries: sessions.enumerated().map { (EntryID(ms: first + UInt64($0.offset), no: 0), .restore(session: $0.element)) })
  }

  @Test func `what waits is looked at once, and what comes later is seen meanwhile`() {
    var waiting = WaitingRequests()
    #expect(waiting.last(of: "l") == .zero)
    waiting.add(requests(["a", "b"]), through: EntryID(ms: 3, no: 0))
    #expect(waiting.names == ["l"] && waiting.last(of: "l") == EntryID(ms: 3, no: 0))
    #expect(waiting.take("l") == requests(["a", "b"]))
    #expect(waiting.names == [] && waiting.last(of: "l") == EntryID(ms: 3, no: 0))
    // All of these were served at once; more comes to wait.
    waiting.add(requests([]), through: EntryID(ms: 4, no: 0))
    #expect(waiting.last(of: "l") == EntryID(ms: 4, no: 0))
    waiting.add(requests(["c"], from: 5), through: EntryID(ms: 5, no: 0))
    waiting.ended("l", isDone: true)
    #expect(waiting.names == ["l"] && waiting.take("l") == requests(["c"], from: 5))
    // With nothing left to wait, the stream tells what is to be done.
    waiting.ended("l", isDone: true)
    #expect(waiting.last(of: "l") == .zero)
  }

  @Test func `what could not be done is looked at again, with all that came later`() {
    var waiting = WaitingRequests()
    waiting.add(requests(["a"]), through: EntryID(ms: 1, no: 0))
    _ = waiting.take("l")
    waiting.add(requests(["b"], from: 2), through: EntryID(ms: 2, no: 0))
    waiting.ended("l", isDone: false)
    #expect(waiting.names == [] && waiting.last(of: "l") == .zero)
  }

  @Test func `of lanes that are another worker's nothing is remembered, nor of requests that do not wait`() {
    var waiting = WaitingRequests()
    waiting.add(requests([]), through: EntryID(ms: 9, no: 0))
    #expect(waiting.last(of: "l") == .zero)
    waiting.add(requests(["a"]), through: EntryID(ms: 1, no: 0))
    waiting.keep(["l", "m"])
    #expect(waiting.names == ["l"])
    waiting.keep(["m"])
    #expect(waiting.names == [] && waiting.last(of: "l") == .zero)
  }
}
