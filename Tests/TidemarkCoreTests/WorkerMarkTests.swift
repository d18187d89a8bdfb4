import Testing

@testable import TidemarkCore

@Suite struct WorkerMarkTests {
  private let connection = WriteConnection(server: .only, number: 1)

  /// Surveys lanes over a connection that shows streams with so many entries.
  private func survey(
    _ state: inout WorkerState, _ records: [LaneRecord], added: UInt64?, over connection: WriteConnection
  ) -> [String: MarkVerdict]? {
    let survey = state.survey(records)
    return state.surveyed(survey, survey.checks.map { .of($0, added: added) }, over: connection)
  }

  @Test func `a mark is published without a survey only over the connection that its lane was compared over`() {
    var state = WorkerState.owning(["a", "b"])
    #expect(state.trusted(["a", "b"], over: connection) == [])
    #expect(survey(&state, [.owned("a")], added: 5, over: connection) == ["a": .publish])
    #expect(state.trusted(["a", "b"], over: connection) == ["a"])
    #expect(state.trusted(["a"], over: WriteConnection(server: .only, number: 2)) == [])
    #expect(state.trusted(["a"], over: WriteConnection(server: LaneServer("north"), number: 1)) == [])
    #expect(state.trusted(["a"], over: nil) == [])
    #expect(survey(&state, [.owned("b")], added: 5, over: connection) == ["b": .publish])
    #expect(state.trusted(["a", "b"], over: connection) == ["a", "b"])
    #expect(survey(&state, [.owned("b")], added: 5, over: WriteConnection(server: .only, number: 2)) == ["b": .publish])
    #expect(state.trusted(["a", "b"], over: WriteConnection(server: .only, number: 2)) == ["b"])
  }

  @Test func `a mark is withheld where the stream lacks what was read, and is not trusted`() {
    var state = WorkerState.owning()
    state.read([10, 10])
    #expect(survey(&state, [.owned("a")], added: 6, over: connection) == ["a": .withhold])
    #expect(state.trusted(["a"], over: connection) == [])
    #expect(survey(&state, [.owned("a")], added: 7, over: connection) == ["a": .publish])
  }

  @Test func `a lane whose stream was replaced is not asked about, and its mark is withheld`() throws {
    var state = WorkerState.owning()
    state.read([10])
    #expect(survey(&state, [.owned("a")], added: 6, over: connection) == ["a": .publish])
    let check = try #require(state.scheduler.lanes["a"]?.check)
    _ = state.checked([.of(check, added: 2)])
    #expect(state.trusted(["a"], over: connection) == [])
    #expect(state.survey([.owned("a")]).checks.isEmpty)
    #expect(survey(&state, [.owned("a")], added: 6, over: connection) == ["a": .withhold])
  }

  @Test func `the last mark of a lane that left is published if its stream fits, and else is the next owner's`() {
    var state = WorkerState.owning()
    #expect(survey(&state, [.owned("a")], added: 5, over: connection) == ["a": .publish])
    _ = state.effects { $0.release(["a"]) }
    #expect(state.trusted(["a"], over: connection) == [])
    #expect(survey(&state, [.owned("a")], added: 5, over: connection) == ["a": .publish])
    #expect(state.trusted(["a"], over: connection) == [])
    #expect(survey(&state, [.owned("a")], added: 3, over: connection) == ["a": .drop])
  }

  @Test func `a lane that could not be compared is not sound`() {
    var state = WorkerState.owning()
    let survey = state.survey([.owned("a")])
    #expect(state.surveyed(survey, [], over: connection) == ["a": .withhold])
  }

  @Test func `a survey does not count if a stream turned out to be replaced, or servers were arranged anew, meanwhile`() throws {
    var state = WorkerState.owning(["a", "b"])
    var begun = state.survey([.owned("b")])
    let check = try #require(state.scheduler.lanes["a"]?.check)
    _ = state.checked([.of(check, added: 2)])
    #expect(state.surveyed(begun, begun.checks.map { .of($0, added: 5) }, over: connection) == nil)
    #expect(survey(&state, [.owned("b")], added: 5, over: connection) == ["b": .publish])
    begun = state.survey([.owned("b")])
    state.rearranged([], at: [])
    #expect(state.trusted(["b"], over: connection) == [])
    #expect(state.surveyed(begun, begun.checks.map { .of($0, added: 5) }, over: connection) == nil)
  }

  @Test func `only a lane that is owned under its record may get a mirroring group`() {
    var state = WorkerState.owning()
    #expect(state.mirrorChecks([.owned("a"), .owned("a", fence: 2), .owned("b")]).map(\.lane) == ["a"])
    state.release(["a"])
    #expect(state.mirrorChecks([.owned("a")]).isEmpty)
  }

  @Test func `a refused mark releases its lane only while it is owned under that record`() {
    var state = WorkerState.owning(["a", "b"])
    #expect(state.markRefused([.owned("a", fence: 2), .owned("b")]).map(\.name) == ["b"])
    #expect(state.laneNames == ["a"])
  }
}
