import Testing

@testable import TidemarkCore

@Suite struct RejectionOfEntriesTests {
  private static func message(_ content: String, event: String? = nil, session: String = "s") -> [RawField] {
    [["type", "message.appended"], ["session", session], ["role", "user"], RawField("content", content)]
      + (event.map { [RawField("event_id", $0)] } ?? [])
  }

  @Test func `a rejected entry leaves the batch with its rows, and the other rows are as if it had never been there`() {
    let rejection = Rejection(.constraint, "no", sqlstate: "23514")
    let all = numbered((0..<6).map { Self.message("\($0)") })
    var batch = ChangeBatch.of(all)
    batch.reject([1: rejection, 4: rejection])
    let others = ChangeBatch.of([0, 2, 3, 5].map { all[$0] })
    for set in batch.rowSets { #expect(batch.rows(set.destination.name) == others.rows(set.destination.name)) }
    #expect(batch.applied == [0, 2, 3, 5])
    let outcome = BatchOutcome(batch)
    #expect(outcome.deadLetters == [1, 4].map { BatchOutcome.Rejected(entry: $0, rejection: rejection) })
    #expect(outcome.numbers.map(\.no) == [1, 2, 3, 4])
  }

  @Test func `an entry has an equal outcome whether it was rejected before or by Postgres`() {
    let rejection = Rejection(.constraint, "no", sqlstate: "23514")
    for entry in 0..<3 {
      let batch = ChangeBatch.of(numbered((0..<3).map { Self.message("\($0)") }))
      var rejected = batch
      rejected.reject([entry: rejection])
      #expect(BatchOutcome(rejected) == BatchOutcome(batch, outcomes: [EntryOutcome(entry: entry, kind: .rejected(rejection))]))
    }
  }

  @Test func `an entry that was rejected before keeps its reason`() {
    var batch = ChangeBatch.of(numbered([change("context.set")]))
    batch.reject([0: Rejection(.constraint, "")])
    #expect(BatchOutcome(batch).deadLetters.map(\.rejection.reason) == [.missingField])
  }

  @Test func `an entry shares its event id only with another of its session`() {
    var batch = ChangeBatch.of(
      numbered([
        Self.message("a", event: "e"), Self.message("b", event: "e"), Self.message("c", event: "e", session: "other"), Self.message("d"),
      ]))
    #expect((0..<4).map { batch.sharesEventID($0) } == [true, true, false, false])
    batch.reject([1: Rejection(.constraint, "")])
    #expect(!batch.sharesEventID(0))
  }
}
