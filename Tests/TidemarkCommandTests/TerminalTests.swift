import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Text from producers reaches the operator's terminal as plain text, in every command.
@Suite(.serialized) struct TerminalTests {
  /// A text that sets the clipboard, erases the line above, reverses the direction, and imitates another line.
  private static let attack = "\u{1B}]52;c;aGk=\u{7}\u{9B}1A\u{9B}2K\u{202E}\u{200B}\u{2028}\n9  all is well"

  /// Returns the characters of an output that would control a terminal.
  private func obeyed(_ text: String) -> [String] {
    text.unicodeScalars.filter {
      switch $0.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: $0 != "\n"
      default: false
      }
    }.map { $0.escaped(asASCII: true) }
  }

  private func expectHarmless(_ outcome: TidemarkProcess.Outcome, _ what: String) {
    #expect(obeyed(outcome.standardOutput) == [], "\(what)")
    #expect(obeyed(outcome.standardError) == [], "\(what)")
    #expect(!outcome.standardOutput.contains("\n9  all is well"), "\(what)")
  }

  @Test func deadLettersSamplesStatusAndLogsShowRatherThanObey() async throws {
    let stream = "agents:\(Self.attack) $(id) 'x':log"
    let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
    try "lanes:\n  - streams: \"agents:*:log\"\n".write(toFile: file, atomically: false, encoding: .utf8)
    try await withProduct(["dead_letters.halt_after": "2"]) { product in
      let records = (0..<2).map { _ in
        // The detail names a repeated field, and quotes a value that is not a number.
        RawRecord("bad", ["type": "message.appended", "session": "s\(Self.attack)", "role": "user", Self.attack: "1", "content": "x"])
          .with(Self.attack, Array(Self.attack.utf8))
      }
      try await product.add(records)
      try await product.add(records, to: stream)
      expectHarmless(try await product.run("check", "--sample", "10"), "check --sample")
      let json = try await product.run("check", "--sample", "10", "--json")
      expectHarmless(json, "check --json")
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) }

      let worker = try await product.startWorker("--config", file)
      try await product.waitFor("4", "select count(*) from tidemark.dead_letters")
      try await waitUntil("the lane is halted", within: .seconds(60)) {
        try await product.run("status").standardOutput.contains("dead letters in a row")
      }
      let list = try await product.run("dead-letters", "list")
      expectHarmless(list, "dead-letters list")
      #expect(list.standardOutput.split(separator: "\n").count == 4)
      #expect(list.standardOutput.contains(#"\u{1B}]52;c;aGk=\u{07}"#))
      expectHarmless(try await product.run("dead-letters", "show", "1"), "dead-letters show")
      let shown = try await product.run("dead-letters", "show", "3", "--json")
      expectHarmless(shown, "dead-letters show --json")
      let object = try JSONSerialization.jsonObject(with: Data(shown.standardOutput.utf8)) as? [String: Any]
      let lanes = try await product.run("dead-letters", "list", "--json").standardOutput.split(separator: "\n")
        .map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }.map { $0?["lane"] as? String }
      #expect(Set(lanes) == [stream, Product.lane])
      #expect((object?["fields"] as? [[String: String]])?.last?["value"] == Self.attack)
      expectHarmless(try await product.run("dead-letters", "replay", "1"), "dead-letters replay")
      expectHarmless(try await product.run("dead-letters", "discard", "2", "--because", Self.attack), "dead-letters discard")
      expectHarmless(try await product.run("dead-letters", "discard", "2"), "dead-letters discard again")
      let status = try await product.run("status")
      expectHarmless(status, "status")
      #expect(status.standardOutput.contains(#"agents:\u{1B}]52;"#))
      expectHarmless(try await product.run("status", "--json"), "status --json")
      // The hint can be pasted into a shell: the lane's name is one word.
      #expect(status.standardOutput.contains("--lane 'tidemark:{0}:changes'`"))
      #expect(obeyed(worker.standardError) == [])
      #expect(try await worker.stop() == 0)
    }
  }
}
