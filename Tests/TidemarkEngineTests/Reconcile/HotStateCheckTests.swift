import Synchronization
import Testing
import TidemarkCore

@testable import TidemarkEngine

@Suite struct HotStateCheckTests {
  private static let lanes = LaneCatalog(prefix: "tidemark", partitions: 1)

  private static func hot(_ id: String, title: String, entry: String = "9-0") -> LoadedSession {
    LoadedSession(
      id: id,
      fields: ["seq", "3", "epoch", "5", "incarnation", "1", "entry_id", entry, "started_id", "1-0", "status", "active", "title", title])
  }

  private static func known(_ id: String) -> HotSession {
    HotSession(id: id, entry: EntryID(ms: 9, no: 0), fields: ["status", "active", "title", "one"])
  }

  /// The session `a` is equal on both sides, and `b` differs.
  private func memory() -> MemoryState {
    let memory = MemoryState()
    memory.state.withLock { state in
      state.hot = ["a": Self.hot("a", title: "one"), "b": Self.hot("b", title: "two")]
      state.known = ["a": Self.known("a"), "b": Self.known("b")]
    }
    return memory
  }

  private func check(
    _ memory: MemoryState, _ ids: [String] = ["a", "b", "c"], repairs: Bool = false, isDry: Bool = false
  ) async throws -> HotStateCheck.Result {
    try await HotStateCheck(store: memory, ledger: memory, lanes: Self.lanes, messages: 200).check(ids, repairs: repairs, isDry: isDry)
  }

  @Test func `a session that differs is recorded once, and what is equal is noted`() async throws {
    let memory = memory()
    let first = try await check(memory)
    #expect(first.found.map(\.detail) == ["title"] && first.found.map(\.kind) == [.hotDifferent] && first.new == first.found)
    #expect(first.found.map(\.lane) == ["tidemark:{0}:changes"] && first.repaired == 0 && first.bytes > 0)
    let second = try await check(memory)
    #expect(second.found == first.found && second.new.isEmpty)
    memory.state.withLock { state in #expect(state.recorded == first.found && state.equal == ["a", "a"] && state.restores.isEmpty) }
  }

  @Test func `a dry run writes nothing`() async throws {
    let memory = memory()
    #expect(try await check(memory, repairs: true, isDry: true).found.count == 1)
    memory.state.withLock { state in #expect(state.recorded.isEmpty && state.equal.isEmpty && state.restores.isEmpty) }
  }

  @Test(arguments: [1, 2])
  func `a session that changes while it is compared is no difference`(reads: Int) async throws {
    let memory = memory()
    memory.state.withLock { $0.after[reads] = { $0.hot["b"] = Self.hot("b", title: reads == 1 ? "one" : "three", entry: "10-0") } }
    #expect(try await check(memory).found.isEmpty)
  }

  @Test func `a session whose last change is not committed is left alone`() async throws {
    let memory = memory()
    memory.state.withLock { $0.committed = EntryID(ms: 8, no: 0) }
    #expect(try await check(memory, repairs: true).found.isEmpty)
  }

  @Test func `a session is written again as it was compared, unless only Redis has its last change`() async throws {
    let memory = memory()
    #expect(try await check(memory, repairs: true).repaired == 1)
    memory.state.withLock { state in
      #expect(state.rebuilt == ["b"] && state.restores.count == 1)
      #expect(state.restores.first?.rebuilds == true && state.restores.first?.readAt == 4)
      state.evidence["b"] = HotEvidence(isKnown: true, isRecorded: false)
    }
    let newer = try await check(memory, repairs: true)
    #expect(newer.found.map(\.kind) == [.hotNewer] && newer.repaired == 0)
    memory.state.withLock { #expect($0.restores.count == 1) }
  }

  @Test func `a session is not written again while rows of it are wrong or missing, which Redis may show`() async throws {
    let memory = memory()
    memory.state.withLock { $0.rows["b"] = [TableDifference(session: "b", kind: .rowDifferent, detail: "sessions.title")] }
    #expect(try await check(memory, repairs: true).repaired == 0)
    let entry = EntryID(ms: 5, no: 0)
    memory.state.withLock { state in
      state.rows = [:]
      state.changes[1] = [entry]
      state.missing[1] = [TableDifference(session: "b", kind: .rowMissing, detail: "messages: no row", entry: entry)]
    }
    #expect(try await check(memory, repairs: true).repaired == 0)
    memory.state.withLock { $0.missing = [:] }
    #expect(try await check(memory, repairs: true).repaired == 1)
  }

  @Test func `rows are folded again where other rows say what they were`() async throws {
    let memory = MemoryState()
    let (first, second) = (EntryID(ms: 1, no: 0), EntryID(ms: 2, no: 1))
    memory.state.withLock { state in
      state.rows["s"] = [TableDifference(session: "s", kind: .rowDifferent, detail: "sessions.title")]
      state.changes[1] = [first, second]
      state.missing[1] = [
        TableDifference(session: "s", kind: .rowMissing, detail: "message_hides: no row", entry: first),
        TableDifference(session: "t", kind: .rowMissing, detail: "messages: no row", entry: second),
        TableDifference(session: "u", kind: .rowMissing, lane: "other", detail: "sessions: no row", entry: second),
      ]
    }
    let dry = TableCheck(ledger: memory, lanes: Self.lanes, repairs: true, isDry: true)
    #expect(try await dry.check(["s"]).found.count == 1)
    memory.state.withLock { #expect($0.recorded.isEmpty && $0.repairedSessions.isEmpty) }
    let tables = TableCheck(ledger: memory, lanes: Self.lanes, repairs: true)
    #expect(try await tables.check(["s"]).repaired == 1)
    let (result, through) = try await tables.checkChanges(of: 1, after: .zero, limit: 10)
    #expect(through == second && result.new.count == 3 && result.repaired == 2)
    #expect(result.found.map(\.lane) == ["tidemark:{0}:changes", "tidemark:{0}:changes", "other"])
    memory.state.withLock { state in
      #expect(state.repairedSessions == ["s", "u"] && state.repairedChanges == [first, second, second])
    }
    #expect(try await tables.checkChanges(of: 1, after: second, limit: 10).through == nil)
  }
}
