import Testing

@testable import TidemarkCore

@Suite struct HotVerdictTests {
  private static let last = EntryID(ms: 9, no: 0)

  /// A session with something of everything, as the function library keeps it.
  private static func hot(_ change: (inout LoadedSession) -> Void = { _ in }) -> LoadedSession {
    var session = LoadedSession(
      id: "s",
      fields: [
        "seq", "7", "epoch", "5", "incarnation", "1", "entry_id", "9-0", "started_id", "1-0", "history", "h", "title", "one", "status",
        "active",
        "meta.k", "{\"b\":1, \"a\":1.50}", "kind.goal", "goal",
      ],
      context: ["goal", "[1,2]", "note", "\"x\""],
      messages: [
        #"{"entry_id":"2-0","seq":"2","epoch":"5","role":"user","content":"one","usage":"","tokens":"07"}"#,
        #"{"entry_id":"3-0","seq":"3","epoch":"5","role":"user","content":"two","meta":"{\"a\": 1}","of":"x"}"#,
      ],
      calls: ["c", "{\"entry_id\":\"4-0\",\"seq\":\"4\",\"epoch\":\"5\",\"call_id\":\"c\",\"tool\":\"t\",\"arguments\":\"[ ]\"}"])
    change(&session)
    return session
  }

  /// The same session, as the ledger writes it.
  private static func known(_ change: (inout HotSession) -> Void = { _ in }) -> HotSession {
    var session = HotSession(
      id: "s", entry: EntryID(ms: 8, no: 0),
      fields: ["status", "active", "title", "one", "meta.k", #"{"a": 1.5, "b": 1}"#, "kind.goal", "goal"],
      context: ["goal", "[1, 2]", "note", "\"x\""],
      messages: [
        #"{"entry_id":"2-0","seq":"2","role":"user","content":"one","tokens":"7"}"#,
        #"{"entry_id":"3-0","seq":"3","role":"user","content":"two","meta":"{\"a\": 1}","of":"x"}"#,
      ],
      calls: ["c", #"{"entry_id":"4-0","call_id":"c","tool":"t","arguments":"[]"}"#])
    change(&session)
    return session
  }

  private static func verdict(
    _ hot: LoadedSession? = hot(), _ known: HotSession? = known(), committed: EntryID = last,
    _ evidence: HotEvidence? = HotEvidence(isKnown: true), limit: Int = 200, fewest: Int = 200
  ) -> HotVerdict {
    HotVerdict(hot, known, committed: committed, evidence: evidence, limit: limit, fewest: fewest)
  }

  @Test func `two ways to write one state are equal`() {
    #expect(Self.verdict() == .equal)
    #expect(
      Self.verdict(
        Self.hot { $0.fields.removeLast(6) },
        Self.known {
          $0.fields = ["status", "active", "title", "one"]; $0.context = []
        }) != .equal)
    #expect(
      Self.verdict(LoadedSession(id: "s", fields: ["entry_id", "9-0"]), HotSession(id: "s", fields: ["status", "active"])) == .equal)
  }

  @Test func `a session that is cold, or whose last change is not committed yet, is not judged`() {
    let other = Self.known { $0.fields[3] = "two" }
    #expect(Self.verdict(nil, other) == .undecided)
    #expect(Self.verdict(Self.hot(), other, committed: EntryID(ms: 8, no: 9)) == .undecided)
    #expect(Self.verdict(LoadedSession(id: "s", fields: ["title", "x"]), other) == .undecided)
  }

  @Test func `each part that differs is named, without its content`() {
    let changes: [(String, (inout LoadedSession) -> Void)] = [
      ("title", { $0.fields[13] = "two" }), ("status", { $0.fields[15] = "paused" }), ("meta", { $0.fields[17] = "{}" }),
      ("context", { $0.fields.removeLast(2) }), ("context", { $0.context[1] = "[2, 1]" }), ("context", { $0.context += ["more", "1"] }),
      ("messages at 3-0", { $0.messages[1] = $0.messages[1].replacing("two", with: "2") }),
      ("messages at 2-0", { $0.messages[0] = $0.messages[0].replacing("07", with: "8") }), ("messages", { $0.messages += ["{}"] }),
      ("messages at 3-0", { $0.messages.swapAt(0, 1) }), ("open calls", { $0.calls[1] = "{}" }),
      ("open calls", { $0.calls += ["d", "{}"] }),
    ]
    for (detail, change) in changes {
      #expect(Self.verdict(Self.hot(change)) == .different(.hotDifferent, detail: detail), "\(detail)")
      #expect(Self.verdict(Self.hot(change), Self.known(), nil) == .suspect(since: nil), "\(detail)")
    }
  }

  @Test func `a part that is gone from Redis is missing`() {
    let gone: [(String, (inout LoadedSession) -> Void)] = [
      ("context", { $0.context = [] }), ("open calls", { $0.calls = [] }), ("messages", { $0.messages = [] }),
      ("messages", { $0.messages.removeFirst() }),
    ]
    for (detail, change) in gone {
      #expect(Self.verdict(Self.hot(change)) == .different(.hotMissing, detail: "\(detail): not in Redis"), "\(detail)")
    }
    #expect(Self.verdict(Self.hot { $0.messages.removeFirst() }, Self.known(), nil) == .suspect(since: EntryID(ms: 2, no: 0)))
  }

  @Test func `a list is shorter where it dropped what came before as many messages as it holds`() {
    let hot = Self.hot { $0.messages.removeFirst() }
    func verdict(_ messages: Int, fewest: Int) -> HotVerdict {
      Self.verdict(hot, Self.known(), HotEvidence(isKnown: true, messages: messages), fewest: fewest)
    }
    #expect(verdict(20, fewest: 20) == .equal)
    #expect(verdict(19, fewest: 20) != .equal)
    // It was written under a larger limit.
    #expect(Self.verdict(Self.hot(), Self.known { $0.messages.removeFirst() }, limit: 1) == .equal)
  }

  @Test func `the entries say which side is behind`() {
    let hot = Self.hot { $0.fields[13] = "two" }
    let newer = Self.known { $0.entry = EntryID(ms: 10, no: 0) }
    #expect(
      Self.verdict(hot, newer) == .different(.hotOlder, detail: "title: PostgreSQL has the session up to entry 10-0, Redis up to 9-0"))
    let unrecorded = HotEvidence(isKnown: true, isRecorded: false)
    #expect(
      Self.verdict(hot, Self.known(), unrecorded)
        == .different(.hotNewer, detail: "title: PostgreSQL does not have entry 9-0, the last one in Redis"))
  }

  @Test func `a session that Postgres does not know is reported unless it is known by now or its changes were refused`() {
    #expect(Self.verdict(Self.hot(), nil, nil) == .suspect(since: nil))
    #expect(
      Self.verdict(Self.hot(), nil, HotEvidence(isKnown: false))
        == .different(.hotUnknown, detail: "PostgreSQL does not know the session, which is in Redis up to entry 9-0"))
    #expect(Self.verdict(Self.hot(), nil, HotEvidence(isKnown: true)) == .undecided)
    #expect(Self.verdict(Self.hot(), nil, HotEvidence(isKnown: false, hasLetter: true)) == .undecided)
  }

  @Test func `a difference that has a known reason is not judged, or reported as that`() {
    let hot = Self.hot { $0.fields[13] = "two" }
    #expect(Self.verdict(hot, Self.known(), HotEvidence(isKnown: true, hasLetter: true)) == .undecided)
    guard case .different(.bypassed, _) = Self.verdict(hot, Self.known(), HotEvidence(isKnown: true, isBypassed: true)) else {
      Issue.record("expected bypassed")
      return
    }
    let fresh = Self.hot {
      $0.fields[13] = "two"
      $0.fields += ["fresh", "1"]
    }
    #expect(Self.verdict(fresh, Self.known(), HotEvidence(isKnown: true, knowsEarlier: true)) == .undecided)
    #expect(Self.verdict(fresh) == .different(.hotDifferent, detail: "title"))
    #expect(Self.verdict(hot, Self.known(), HotEvidence(isKnown: true, knowsEarlier: true)) == .different(.hotDifferent, detail: "title"))
  }

  @Test func `a session that is written again keeps its numbers, and is expected as it was compared`() throws {
    let standing = try #require(Self.hot().numbering)
    let restore = HotRestore(rebuilding: standing, as: Self.known(), readAt: 5)
    #expect(restore.numbering == .goesOn(epoch: 5, seq: 7) && restore.incarnation == 1)
    #expect(restore.expected == .fresh(standing) && restore.rebuilds && !restore.overwrites && !restore.needsMark && restore.readAt == 5)
    #expect(restore.session.entry == Self.last)
  }
}
