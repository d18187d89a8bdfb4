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
