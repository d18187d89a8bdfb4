import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Snapshots of one transaction continue from one another, and are the same as if each had read all.
@Suite struct SnapshotTests {
  private static func message(_ ms: UInt64) -> HandMade {
    HandMade(ms, "message.appended", "s", [("role", "user"), ("content", "x")])
  }
  private static func snapshot(_ ms: UInt64) -> HandMade { HandMade(ms, "snapshot.requested", "s") }
  private static let counts = "select entry_ms, state #>> '{messages,count}', state #>> '{messages,last}' from tide.snapshots order by 1"

  @Test(arguments: [CommitMode.fast, .exact]) func `what comes between two snapshots is in the second only`(mode: CommitMode) async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.message(2), Self.message(3)])
      let last = [("last", "1")]
      try await sink.commit(
        [
          Self.snapshot(10), Self.message(11), Self.snapshot(12), HandMade(13, "message.removed", "s", last),
          HandMade(14, "message.removed", "s", last), Self.snapshot(15), HandMade(16, "messages.cleared", "s"), Self.message(17),
          Self.snapshot(18), Self.snapshot(19), HandMade(20, "messages.cleared", "s"), Self.snapshot(21),
        ], mode)
      #expect(
        try await sink.rows(Self.counts) == [
          ["10", "3", "3-0"], ["12", "4", "11-0"], ["15", "2", "2-0"], ["18", "1", "17-0"], ["19", "1", "17-0"], ["21", "0", nil],
        ])
    }
  }

  @Test func `replays in one transaction come in any order, and no snapshot lacks what was there when it was taken`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.message(100)])
      let entries = [Self.snapshot(20), Self.message(10), Self.snapshot(30)]
      var letters: [Int64] = []
      for entry in entries { letters.append(try #require(try await sink.addLetter(entry, lane: "one"))) }
      let replayer = try sink.sink.makeReplayer()
      let replays = try await replayer.replay(lane: "one", letters) { record, _ in sink.batch([(record, entries)]) }
      await replayer.close()
      #expect(replays?.values.allSatisfy { $0 == .applied } == true)
      #expect(try await sink.rows(Self.counts) == [["20", "1", "1-0"], ["30", "2", "10-0"]])
    }
  }
}
