import Testing
import TidemarkCore

@Suite struct SessionRequestTests {
  @Test(arguments: [
    (["op", "restore", "session", "s"], SessionRequest.restore(session: "s")),
    (["session", "s", "op", "restore", "by", "me"], .restore(session: "s")),
    (["op", "fork", "session", "s", "as", "t"], .fork(session: "s", new: "t", at: nil)),
    (["op", "fork", "session", "s", "as", "t", "at", "5-6"], .fork(session: "s", new: "t", at: EntryID(ms: 5, no: 6))),
  ])
  func `requests are understood`(fields: [String], request: SessionRequest) {
    #expect(SessionRequest(fields: fields) == request)
  }

  @Test(arguments: [
    ["op", "restore"], ["op", "restore", "session", ""], ["op", "restore", "session", String(repeating: "s", count: 257)],
    ["session", "s"], ["op", "drop", "session", "s"], ["op", "fork", "session", "s"], ["op", "fork", "session", "s", "as", "s"],
    ["op", "fork", "session", "s", "as", "t", "at", "yesterday"], ["op"], [],
  ])
  func `what is no request is named as such`(fields: [String]) {
    guard case .invalid(let reason) = SessionRequest(fields: fields) else {
      Issue.record("\(fields) is taken for a request")
      return
    }
    #expect(reason.hasPrefix("the field "))
  }

  /// Restores and forks of one lane, each fork at its entry.
  private func requests(restores: [String] = [], forksAt last: [EntryID?]) -> LaneRequests {
    let forks = last.map { SessionRequest.fork(session: "s", new: "t", at: $0) }
    let all = restores.map { SessionRequest.restore(session: $0) } + forks
    return LaneRequests(lane: "l", entries: all.enumerated().map { (EntryID(ms: 1_000 + UInt64($0.offset), no: 0), $0.element) })
  }

  @Test func `forks wait for the last entry that one of them takes over, and a fork of the present for all`() {
    #expect(requests(restores: ["a"], forksAt: []).lastForked == nil)
    #expect(requests(restores: ["a"], forksAt: [EntryID(ms: 5, no: 6)]).lastForked == EntryID(ms: 5, no: 6))
    let several = [EntryID(ms: 5, no: 6), EntryID(ms: 7, no: 0), EntryID(ms: 6, no: 9)]
    #expect(requests(forksAt: several).lastForked == EntryID(ms: 7, no: 0))
    #expect(requests(forksAt: several + [nil]).lastForked == EntryID(ms: .max, no: .max))
  }

  @Test func `the restores of sessions that are back are done, each request of them`() {
    let all = requests(restores: ["a", "b", "a"], forksAt: [nil])
    let (rest, done) = all.without(["a"])
    #expect(done == [EntryID(ms: 1_000, no: 0), EntryID(ms: 1_002, no: 0)])
    #expect(rest.lane == "l" && rest.entries.map(\.id) == [EntryID(ms: 1_001, no: 0), EntryID(ms: 1_003, no: 0)])
    #expect(all.without([]).rest == all)
  }

  @Test func `requests for which nobody waits any more are removed`() {
    var requests = LaneRequests(
      lane: "l",
      entries: [
        (EntryID(ms: 939_999, no: 0), .restore(session: "a")), (EntryID(ms: 940_000, no: 0), .restore(session: "b")),
        (EntryID(ms: 999_000, no: 0), .restore(session: "b")), (EntryID(ms: 999_001, no: 0), .fork(session: "c", new: "d", at: nil)),
      ])
    #expect(requests.removeExpired(now: 1_000_000) == [EntryID(ms: 939_999, no: 0)])
    #expect(requests.restores == ["b"])
    #expect(requests.entries.count == 3)
    #expect(requests.removeExpired(now: 0) == [])
  }
}
