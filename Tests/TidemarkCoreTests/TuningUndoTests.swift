import Testing

@testable import TidemarkCore

/// What an undo takes back.
@Suite struct TuningUndoTests {
  private static let entries = TunedSetting.Place(key: "batch.max_entries")
  private static let delay = TunedSetting.Place(lanes: "orders:*", key: "batch.max_delay")

  private static func entry(_ change: Int64, _ place: TunedSetting.Place, _ from: String?, _ to: String?, undoes: Int64? = nil)
    -> TuningEntry
  {
    TuningEntry(change: change, place: place, from: from, to: to, undoes: undoes)
  }

  @Test func `the last change is taken back with all of its settings`() {
    let history = [
      Self.entry(2, Self.entries, "10", "20"), Self.entry(2, Self.delay, nil, "5ms"), Self.entry(1, Self.entries, nil, "10"),
    ]
    let undo = TuningUndo(history)
    #expect(undo?.change == 2)
    #expect(undo?.wishes == [TuningWish(place: Self.entries, value: "10"), TuningWish(place: Self.delay, value: nil)])
    #expect(TuningUndo(history.reversed())?.change == 2)
  }

  @Test func `each further undo goes one step further into the past, and a new change is the next to be taken back`() {
    var history = [Self.entry(1, Self.entries, nil, "10"), Self.entry(2, Self.entries, "10", "20")]
    history.append(Self.entry(3, Self.entries, "20", "10", undoes: 2))
    #expect(TuningUndo(history)?.change == 1)
    history.append(Self.entry(4, Self.entries, "10", "30"))
    #expect(TuningUndo(history)?.change == 4)
    history.append(Self.entry(5, Self.entries, "30", "10", undoes: 4))
    #expect(TuningUndo(history)?.wishes == [TuningWish(place: Self.entries, value: nil)])
    history.append(Self.entry(6, Self.entries, "10", nil, undoes: 1))
    #expect(TuningUndo(history) == nil)
  }

  @Test func `without a change there is nothing to take back`() {
    #expect(TuningUndo([]) == nil)
  }
}
