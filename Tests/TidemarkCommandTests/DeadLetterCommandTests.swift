import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// An operator repairs dead letters with `dead-letters`.
@Suite(.serialized) struct DeadLetterCommandTests {
  private static let nul: [UInt8] = [0x61, 0x00, 0x62]

  private static func context(_ key: String, _ value: [UInt8]) -> RawRecord {
    RawRecord(key, ["type": "context.set", "session": "s", "key": key]).with("value", value)
  }

  private static func title(_ title: [UInt8]) -> RawRecord {
    RawRecord("title", ["type": "session.updated", "session": "s"]).with("title", title)
  }

  @Test func listAndShowTellWhatAnEntryWasInTextAndInJSON() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      let empty = try await product.run("dead-letters", "list")
      #expect(empty.exitCode == 0 && empty.standardOutput.isEmpty && empty.standardError == "no open dead letters\n")

      let ids = try await product.add([
        Self.title(Self.nul), Self.context("k", Array("{".utf8)), Self.title([0xFF]), Self.title(Array("\u{1B}[31mred".utf8) + [0]),
      ])
      try await product.waitUntilCaughtUp()
      let list = try await product.run("dead-letters", "list")
      let lines = list.standardOutput.split(separator: "\n")
      #expect(lines.count == 4)
      #expect(lines[0].hasPrefix("1  tidemark:{0}:changes  \(ids[0])  "))
      #expect(lines[1].hasPrefix("2  tidemark:{0}:changes  \(ids[1])  s  "))
      #expect(lines[0].contains("s ago  unstorable_text  the field 'title' holds a NUL byte"))
      #expect(list.standardError == "4 open dead letters: unstorable_text 2, bad_json 1, bad_utf8 1\n")
      #expect(try await product.run("dead-letters", "list", "--reason", "bad_json").standardOutput.hasPrefix("2  "))
      let two = try await product.run("dead-letters", "list", "--limit", "2")
      #expect(two.standardOutput.split(separator: "\n").count == 2)
      #expect(two.standardError.hasSuffix("; the oldest 2 are listed, --limit lists more\n"), "\(two.standardError)")

      let json = try await product.run("dead-letters", "list", "--json").standardOutput.split(separator: "\n")
      let objects = try json.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
      #expect(objects.map { $0?["entry_id"] as? String } == ids)
      #expect(objects.map { $0?["reason"] as? String } == ["unstorable_text", "bad_json", "bad_utf8", "unstorable_text"])

      let page = try await product.run("dead-letters", "show", "2")
      #expect(page.exitCode == 0)
      for line in ["reason      bad_json", "session     s", "entry       \(ids[1])", "resolved    no", "  value: {"] {
        #expect(page.standardOutput.contains(line + "\n") || page.standardOutput.contains(line), "\(line)")
      }
      // Control characters are shown, not sent to the terminal.
      #expect(!(try await product.run("dead-letters", "show", "4").standardOutput.contains("\u{1B}")))

      let shown = try await product.run("dead-letters", "show", "--json", "3").standardOutput
      let object = try JSONSerialization.jsonObject(with: Data(shown.utf8)) as? [String: Any]
      let fields = object?["fields"] as? [[String: String]] ?? []
      #expect(fields.map { $0["name"] } == ["type", "session", "title"])
      #expect(fields.last == ["name": "title", "value_base64": "/w=="])

      let missing = try await product.run("dead-letters", "show", "99")
      #expect(missing.exitCode == 1)
      #expect(missing.standardError == "tidemark: dead-letters: there is no dead letter 99; see `tidemark dead-letters list`\n")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aReplayKeepsItsOwnPositionAndNeverOverwritesALaterValue() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      let ids = try await product.add([
        Self.title(Self.nul),
        RawRecord("message", ["type": "message.appended", "session": "s", "role": "user"]).with("content", Self.nul),
        RawRecord("fact", ["type": "context.set", "session": "s", "key": "k", "value": "1", "kind": "note"]).with("why", Self.nul),
        Self.title(Array("later".utf8)),
        RawRecord("message", ["type": "message.appended", "session": "s", "role": "user", "content": "after"]),
        Self.context("k", Array("2".utf8)),
      ])
      try await product.waitUntilCaughtUp()

      try await waitUntil("their writers are told") { try await product.redis.command("HLEN", "tidemark:{0}:rejected") == "3" }
      let again = try await product.run("dead-letters", "replay", "1")
      #expect(again.exitCode == 1)
      #expect(again.standardOutput.hasPrefix("1 rejected again, unstorable_text: "))
      #expect(try await product.value("select count(*) from tidemark.dead_letters where resolved_at is null") == "3")

      let replaced = try await product.run("dead-letters", "replay", "--reason", "unstorable_text", "--set", "text.unstorable=replace")
      #expect(replaced.exitCode == 0)
      #expect(replaced.standardOutput == "1 applied\n2 applied\n3 applied\n")
      // The letters are resolved.
      #expect(try await product.redis.command("EXISTS", "tidemark:{0}:rejected") == "0")
      #expect(try await product.rows("select title from tidemark.sessions") == ["later"])
      #expect(
        try await product.rows("select tidemark.entry_id(entry_ms, entry_no), content from tidemark.messages order by entry_ms, entry_no")
          == [
            "\(ids[1])|a\u{FFFD}b", "\(ids[4])|after",
          ])
      #expect(
        try await product.rows("select value, tidemark.entry_id(entry_ms, entry_no) from tidemark.context") == ["2|\(ids[5])"])
      #expect(
        try await product.rows(
          "select tidemark.entry_id(entry_ms, entry_no), value from tidemark.context_history order by entry_ms, entry_no")
          == ["\(ids[2])|1", "\(ids[5])|2"])
      #expect(try await product.rows("select distinct resolution from tidemark.dead_letters") == ["replayed"])
      // The audit trail has one more row for each letter, at the end of the lane's numbers.
      #expect(
        try await product.rows("select no from tidemark.changes order by entry_ms, entry_no") == ["4", "5", "6", "1", "2", "3"])
      #expect(try await product.discrepancies() == [])

      let twice = try await product.run("dead-letters", "replay", "1")
      #expect(twice.exitCode == 0)
      #expect(twice.standardOutput == "1 is already resolved: replayed\n")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func discardKeepsTheBytesAndTakesTheLetterOffTheList() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add([Self.title(Self.nul), Self.title(Self.nul)])
      try await product.waitUntilCaughtUp()
      #expect(try await product.run("dead-letters", "discard", "1", "--because", "a test").standardOutput == "1 discarded\n")
      #expect(try await product.run("dead-letters", "list").standardOutput.split(separator: "\n").count == 1)
      let all = try await product.run("dead-letters", "list", "--all").standardOutput
      #expect(all.contains("[discarded: a test]"))
      #expect(try await product.rows("select cardinality(raw) from tidemark.dead_letters where id = 1") == ["6"])
      #expect(
        try await product.run("dead-letters", "discard", "1").standardOutput == "1 is already resolved: discarded: a test\n")
      #expect(try await product.run("dead-letters", "discard", "7").exitCode == 1)
      #expect(try await product.run("dead-letters", "replay").exitCode == 2)
      #expect(try await product.run("dead-letters", "show", "first").exitCode == 2)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whatNoLetterCanHaveIsAnErrorAndNotAnEmptyList() async throws {
    try await withProduct { product in
      for command in ["list", "replay", "discard"] {
        let reason = try await product.run("dead-letters", command, "--reason", "bad_jsn")
        #expect(reason.exitCode == 2)
        #expect(
          reason.standardError
            == "tidemark: --reason: there is no reason bad_jsn; did you mean bad_json?; see `tidemark dead-letters \(command) --help`\n")
        let lane = try await product.run("dead-letters", command, "--lane", "another")
        #expect(lane.exitCode == 1)
        #expect(lane.standardError == "tidemark: dead-letters: there is no lane another; `tidemark status` lists the lanes\n")
      }
      for limit in ["0", "-1"] {
        #expect(try await product.run("dead-letters", "list", "--limit=\(limit)").exitCode == 2)
      }
      #expect(try await product.run("dead-letters", "discard").exitCode == 2)
      #expect(try await product.run("dead-letters", "discard", "1", "--reason", "bad_json").exitCode == 2)
      let none = try await product.run("dead-letters", "replay", "--reason", "bad_json")
      #expect(none.exitCode == 0 && none.standardError == "no open dead letters of this kind\n")
    }
  }

  @Test func discardTakesAllOrNoneOfItsNumbersOrAllOfAKind() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add([Self.title(Self.nul), Self.context("k", Array("{".utf8)), Self.title([0xFF]), Self.title([0xFF])])
      try await product.waitUntilCaughtUp()
      let missing = try await product.run("dead-letters", "discard", "1", "999", "2")
      #expect(missing.exitCode == 1 && missing.standardOutput.isEmpty)
      #expect(missing.standardError.contains("there is no dead letter 999, so none was discarded"), "\(missing.standardError)")
      #expect(try await product.value("select count(*) from tidemark.dead_letters where resolved_at is null") == "4")
      #expect(try await product.run("dead-letters", "discard", "2", "1", "2").standardOutput == "2 discarded\n1 discarded\n")
      let lane = Product.lane
      let kind = try await product.run("dead-letters", "discard", "--reason", "bad_utf8", "--lane", lane, "--because", "a test")
      #expect(kind.exitCode == 0 && kind.standardOutput == "2 discarded\n")
      #expect(
        try await product.rows("select id, resolution from tidemark.dead_letters order by id")
          == ["1|discarded", "2|discarded", "3|discarded: a test", "4|discarded: a test"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func replayingUnderLoadDisturbsNothing() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add((0..<20).map { _ in Self.title(Self.nul) })
      let writing = Task {
        for batch in 0..<30 { try await product.addMessages(100, from: batch * 100 + 1) }
      }
      try await product.waitFor("20", "select count(*) from tidemark.dead_letters")
      for id in 1...20 {
        let outcome = try await product.run("dead-letters", "replay", "\(id)", "--set", "text.unstorable=replace")
        #expect(outcome.standardOutput == "\(id) applied\n", "\(outcome.standardError)")
      }
      try await writing.value
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*) from tidemark.messages") == "3000")
      #expect(try await product.value("select count(*), count(distinct no), max(no) from tidemark.changes") == "3020|3020|3020")
      #expect(try await product.value("select count(*) from tidemark.dead_letters where resolution = 'replayed'") == "20")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }
}
