import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("The numbers of changes: order, repeats and epochs", .serialized)
struct FunctionNumberTests {
  @Test("Without a hot session only session.started begins one, with nothing expected before it")
  func cold() async throws {
    try await withFunctions(started: []) { functions in
      let before = try await functions.everything()
      #expect(try await functions.append("s", "messages.cleared").refusal == "COLD s")
      #expect(try await functions.append("s", "session.started", expect: "3").refusal == "CONFLICT 0")
      #expect(try await functions.appendAll("s", ["messages.cleared", "session.started"]).refusal == "COLD s")
      #expect(try await functions.call("load", "s", []).refusal == "COLD s")
      #expect(try await functions.everything() == before)
      #expect(try await functions.append("s", "session.started", expect: "0").change?.seq == 1)
      #expect(
        try await functions.appendAll("t", ["session.started", "context.set key k value 1"], expect: "0").changes.map(\.seq) == [1, 2])
    }
  }

  @Test("A session that begins takes over nothing that an earlier one left")
  func remains() async throws {
    try await withFunctions { functions in
      for change in [
        "context.set key k value 1", "message.appended role user content a message_id m", "tool.started call_id c tool t", "x event_id e",
      ] {
        let words = change.split(separator: " ").map { String($0) }
        try await functions.append("s", words[0], Array(words.dropFirst()))
      }
      try await functions.command("DEL tidemark:{0}:session:s")
      #expect(try await functions.append("s", "session.started", "event_id f").change?.seq == 1)
      let state = try #require(try await functions.load("s"))
      #expect(state.context.isEmpty && state.tools.isEmpty && state.messages.isEmpty)
      #expect(try await functions.append("s", "x", "event_id e").change?.seq == 2)
      #expect(try await functions.command("HGET tidemark:{0}:ids:s next").number == 2)
    }
  }

  @Test("A change whose expected number is not the session's last one is refused")
  func expectation() async throws {
    try await withFunctions { functions in
      let before = try await functions.everything()
      for wrong in ["0", "2", "99999999999999"] {
        #expect(try await functions.append("s", "messages.cleared", expect: wrong).refusal == "CONFLICT 1")
        #expect(try await functions.appendAll("s", ["messages.cleared"], expect: wrong).refusal == "CONFLICT 1")
      }
      #expect(try await functions.append("s", "session.started", expect: "0").refusal == "CONFLICT 1")
      #expect(try await functions.everything() == before)
      #expect(try await functions.append("s", "messages.cleared", expect: "1").change?.seq == 2)
      #expect(try await functions.appendAll("s", ["messages.cleared", "messages.cleared"], expect: "2").changes.map(\.seq) == [3, 4])
    }
  }

  @Test("A repeated event id answers as the first time, whatever is expected; with other content it is a conflict")
  func repeats() async throws {
    try await withFunctions { functions in
      let first = try #require(
        try await functions.append("s", "context.set", "key k value 1 event_id e ts 1795389463124", expect: "1").change)
      try await functions.append("s", "context.set", "key k value 2")
      let before = try await functions.everything()
      // The order of the fields, the time and the trace are not content.
      let again = try #require(
        try await functions.append("s", "context.set", "value 1 event_id e key k trace t ts 1795389463125", expect: "1").change)
      #expect(again == first)
      #expect(try await functions.append("s", "context.set", "key k value 2 event_id e").refusal == "CONFLICT event_id")
      #expect(try await functions.append("s", "context.removed", "key k value 1 event_id e").refusal == "CONFLICT event_id")
      #expect(try await functions.append("s", "context.set", "key k value 1 event_id e actor a").refusal == "CONFLICT event_id")
      #expect(try await functions.everything() == before)
    }
  }

  @Test("The last 1,000 event ids of a session are remembered, and no more")
  func remembered() async throws {
    try await withFunctions { functions in
      var answers: [String] = []
      for number in 0..<1_001 {
        let change = try #require(try await functions.append("s", "x", "event_id e\(number)").change)
        answers.append(change.entryID)
      }
      #expect(try await functions.append("s", "x", "event_id e1").change?.entryID == answers[1])
      #expect(try await functions.append("s", "x", "event_id e1000").change?.entryID == answers[1_000])
      #expect(try await functions.append("s", "x", "event_id e0").change?.seq == 1_003)
      // That one is remembered now, in place of the oldest.
      #expect(try await functions.append("s", "x", "event_id e0").change?.seq == 1_003)
      #expect(try await functions.append("s", "x", "event_id e1").change?.seq == 1_004)
      #expect(try await functions.command("HLEN tidemark:{0}:ids:s").number == 2_001)
    }
  }

  @Test("Several changes are repeated as a whole or not at all")
  func repeatsOfAll() async throws {
    try await withFunctions { functions in
      let turn = ["context.set key a value 1 event_id 1", "token ephemeral 1", "context.set key b value 2 event_id 2"]
      let first = try await functions.appendAll("s", turn).changes
      #expect(first.map(\.seq) == [2, 0, 3])
      let before = try await functions.everything()
      let again = try await functions.appendAll("s", turn, expect: "1").changes
      #expect(again.map(\.seq) == [2, 0, 3])
      #expect(again[0] == first[0] && again[2] == first[2])
      for other in [
        ["context.set key a value 1 event_id 1", "context.set key c value 2 event_id 3"], ["context.set key a value 1 event_id 1", "x"],
        ["context.set key a value 1 event_id 2", "context.set key b value 2 event_id 1"],
      ] {
        #expect(try await functions.appendAll("s", other).refusal == "CONFLICT event_id", "\(other)")
      }
      #expect(
        try await functions.appendAll("s", ["x event_id 9", "x event_id 9"]).refusal == "INVALID event_id: is given to two changes")
      #expect(try await functions.everything() == before)
    }
  }

  @Test("Several changes are appended in one step, each with its number, and all of them or none")
  func all() async throws {
    try await withFunctions { functions in
      let answers = try await functions.appendAll(
        "s", ["message.appended role user content hi message_id m", "tool.started call_id c tool t", "message.removed message_id m", "x"]
      ).changes
      #expect(answers.map(\.seq) == [2, 3, 4, 5])
      let state = try #require(try await functions.load("s"))
      #expect(state.messages == [] && state.tools.count == 1)
      #expect(state.session["seq"] == "5" && state.session["entry_id"] == answers[3].entryID)
      let before = try await functions.everything()
      let last = "message.appended rol user content hi"
      #expect(
        try await functions.appendAll("s", ["context.set key k value 1", last]).refusal
          == "INVALID role: is missing; is it rol? (change 2)")
      // A key of another type is found before anything is written.
      try await functions.command("DEL tidemark:{0}:context:s")
      try await functions.command("SET tidemark:{0}:context:s text")
      let other = try await functions.everything()
      #expect(try await functions.appendAll("s", ["messages.cleared", "context.set key k value 1"]).refusal?.contains("WRONGTYPE") == true)
      #expect(try await functions.everything() == other && other.count == before.count + 1)
    }
  }

  @Test("Where the lane's incarnation has risen, Redis may have lost changes, and a new epoch begins")
  func epochs() async throws {
    try await withFunctions(started: []) { functions in
      let first = try #require(try await functions.append("s", "session.started").change)
      // The lane's first incarnation is no loss: it is published after the first change.
      try await functions.command("HSET \(FunctionCalls.lane) incarnation 1")
      let second = try #require(try await functions.append("s", "x").change)
      #expect(second.seq == 2 && second.epoch == first.epoch)
      #expect(try await functions.load("s")?.session["incarnation"] == "1")
      try await functions.command("HSET \(FunctionCalls.lane) incarnation 2")
      // Of two writers that expect the last number of the epoch that ended neither writes, so that none writes over what it has not seen.
      #expect(try await functions.append("s", "x", expect: "2").refusal == "CONFLICT 0")
      #expect(try await functions.load("s")?.session["seq"] == "0")
      let third = try #require(try await functions.append("s", "x", expect: "0").change)
      #expect(third.seq == 1 && third.epoch > first.epoch)
      #expect(try await functions.append("s", "x", expect: "1").change?.seq == 2)
      #expect(try await functions.load("s")?.session["incarnation"] == "2")
      // Where a clock went back, epochs still rise.
      try await functions.command("HSET tidemark:{0}:session:s epoch 253402300799999")
      try await functions.command("HSET \(FunctionCalls.lane) incarnation 3")
      #expect(try await functions.append("s", "x").change?.epoch == 253_402_300_800_000)
      try await functions.command("HSET \(FunctionCalls.lane) durable 253402300799000-1")
      #expect(try await functions.append("new", "session.started").change?.epoch == 253_402_300_799_000)
    }
  }

  @Test("Where pressure is enforced, nothing is taken until the moment that it is published for")
  func busy() async throws {
    try await withFunctions { functions in
      try await functions.command("HSET \(FunctionCalls.lane) pressure stop pressure_until 99999999999999 enforce 1")
      let before = try await functions.everything()
      #expect(try await functions.append("s", "x").refusal == "BUSY stop")
      #expect(try await functions.append("s", "x", "ephemeral 1").refusal == "BUSY stop")
      #expect(try await functions.appendAll("s", ["x"]).refusal == "BUSY stop")
      #expect(try await functions.everything() == before)
      for relief in ["pressure slow", "pressure_until 1000", "enforce 0"] {
        try await functions.command("HSET \(FunctionCalls.lane) \(relief)")
        #expect(try await functions.append("s", "x").change != nil, "\(relief)")
        try await functions.command("HSET \(FunctionCalls.lane) pressure stop pressure_until 99999999999999 enforce 1")
      }
    }
  }
}
