import Testing

@testable import TidemarkCore

@Suite struct PendingMarksTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  private func mark(_ lane: String, _ ms: UInt64, incarnation: Int64 = 1) -> PendingMark {
    var record = LaneRecord.owned(lane, upTo: ms)
    record.incarnation = incarnation
    return PendingMark(record: record)
  }

  @Test func `two marks of a lane become one, that of the position further on, whichever was queued first`() {
    let rejection = DurableMark.Rejection(id: EntryID(ms: 2, no: 0), reason: "bad_json")
    for (earlier, later) in [((2, 1), (3, 1)), ((9, 1), (1, 2))] as [((UInt64, Int64), (UInt64, Int64))] {
      let marks = [earlier, later].map { ms, incarnation in
        var mark = mark("a", ms, incarnation: incarnation)
        mark.rejected = [rejection]
        return mark
      }
      for merged in [marks[0].followed(by: marks[1]), marks[1].followed(by: marks[0])] {
        #expect(merged.record.cursor.position.ms == later.0 && merged.record.incarnation == later.1)
        #expect(merged.rejected == [rejection, rejection])
      }
    }
  }

  @Test func `a held mark stays held and stays what it is, but not for what was found of an earlier incarnation`() {
    var gone = mark("a", 5)
    gone.isGone = true
    let held = gone.held(until: epoch)
    #expect(held.isGone && held.heldUntil == epoch)
    #expect(held.followed(by: mark("a", 6)).heldUntil == epoch)
    #expect(held.followed(by: mark("a", 1, incarnation: 2)).heldUntil == nil)
  }

  @Test func `a held mark is due at its time, and at the end of a worker`() {
    var marks = PendingMarks()
    let later = epoch.advanced(by: .seconds(1))
    marks.add([mark("a", 5).held(until: later), mark("b", 5)])
    #expect(marks.due(.strays, now: epoch) == ["b"])
    #expect(marks.nextDue(after: epoch) == later && marks.nextDue(after: later) == nil)
    #expect(Set(marks.due(.strays, now: later)) == ["a", "b"])
    #expect(Set(marks.due(.all, now: epoch)) == ["a", "b"])
    marks.withdraw(["a"])
    #expect(marks.lanes == ["b"])
    #expect(marks.take(["a", "b"]).marks.map(\.record.name) == ["b"])
    #expect(marks.lanes.isEmpty)
  }

  @Test func `a mark that was taken to be sent does not come back once it was withdrawn`() {
    var marks = PendingMarks()
    marks.add([mark("a", 5), mark("b", 5)])
    let first = marks.take(["a", "b"])
    // The ledger went back behind what was committed of one lane.
    marks.withdraw(["a"])
    marks.giveBack(first.marks, of: first)
    #expect(marks.lanes == ["b"])
    // What is committed since is true.
    marks.add([mark("a", 3)])
    let second = marks.take(["a", "b"])
    marks.giveBack(second.marks, of: second)
    #expect(marks.lanes == ["a", "b"])
    let third = marks.take(["a"])
    marks.withdrawAll()
    marks.giveBack(third.marks, of: third)
    #expect(marks.lanes.isEmpty)
  }

  @Test func `every mark has exactly one task, besides the end of a worker`() {
    for lane in [north, south] {
      for taker in [north, south] {
        for served in [[north], [south], [north, south]] as [Set<LaneServer>] {
          let route = PendingMarks.Route(lane: lane, taker: taker)
          // A server that holds no owned lane has no task.
          let tasks = served.map { PendingMarks.Portion.server($0) } + [.strays]
          #expect(tasks.count { route.belongs(to: $0, served) } == 1)
          #expect(route.belongs(to: .all, served))
        }
      }
    }
  }
}
