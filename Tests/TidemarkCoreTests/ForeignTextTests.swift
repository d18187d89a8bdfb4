import Foundation
import Testing
import TidemarkCore

/// Tests that foreign text can't control a terminal, a page, or a shell.
struct ForeignTextTests {
  /// One character of each kind: C0, DEL, C1, directions, no width, separators, a soft hyphen, a tag.
  static let unsafe: [Unicode.Scalar] = [
    "\0", "\u{1}", "\u{7}", "\u{8}", "\n", "\r", "\t", "\u{1B}", "\u{1F}", "\u{7F}", "\u{80}", "\u{85}", "\u{9B}", "\u{9D}", "\u{9F}",
    "\u{61C}", "\u{200B}", "\u{200D}", "\u{200E}", "\u{200F}", "\u{202A}", "\u{202E}", "\u{2066}", "\u{2069}", "\u{2028}", "\u{2029}",
    "\u{FEFF}", "\u{AD}", "\u{E0041}",
  ]

  private func isClean(_ text: String) -> Bool { text.unicodeScalars.allSatisfy { !Self.unsafe.contains($0) } }

  @Test(arguments: unsafe)
  func `unsafe characters become visible`(_ scalar: Unicode.Scalar) {
    let text = "a\(scalar)b"
    let shown = ForeignText.escaped(text)
    #expect(isClean(shown) && shown.hasPrefix("a\\") && shown.hasSuffix("b"))
    #expect(isClean(ForeignText.line(text)))
    #expect(isClean(ForeignText.lines(text)) || scalar == "\n" || scalar == "\t")
    #expect(ForeignText.escaped(Array(text.utf8)) == shown)
  }

  @Test func `all other text stays as it is`() {
    let text = "Grüße, 世界 🎉 é \\ \"quoted\" <b> 'x' ❤️ שלום"
    #expect(ForeignText.escaped(text) == text)
    #expect(ForeignText.line(text) == text)
    #expect(ForeignText.lines("one\n\ttwo \(text)") == "one\n\ttwo \(text)")
    #expect(ForeignText.json("{\n  \"a\": 1\n}") == "{\n  \"a\": 1\n}")
  }

  @Test func `escapes name the original characters`() {
    #expect(ForeignText.escaped("\u{1B}]52;c;x\u{7}\r\n\t\u{9B}2J\u{202E}") == #"\u{1B}]52;c;x\u{07}\r\n\t\u{9B}2J\u{202E}"#)
    #expect(ForeignText.line("one\ntwo\r\n three\u{1B}") == #"one two  three\u{1B}"#)
    #expect(ForeignText.escaped([0x61, 0xFF, 0x1B]) == "a\u{FFFD}\\u{1B}")
  }

  @Test func `escaped JSON has the original meaning and no unsafe characters`() throws {
    let value = String(String.UnicodeScalarView(Self.unsafe))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted]
    let json = ForeignText.json(String(decoding: try encoder.encode([value: value]), as: UTF8.self))
    #expect(json.unicodeScalars.allSatisfy { !Self.unsafe.contains($0) || $0 == "\n" })
    #expect(json.contains("\\uDB40\\uDC41"))
    #expect(try JSONDecoder().decode([String: String].self, from: Data(json.utf8)) == [value: value])
  }

  @Test func `a shell reads back the original word`() async throws {
    #expect(ShellWord.quoted("agents:1/log_2.x-y") == "agents:1/log_2.x-y")
    #expect(ShellWord.quoted("tidemark:{0}:changes") == "'tidemark:{0}:changes'")
    let words = [
      "", "-rf", "a b", "$(touch /tmp/x)", "`id`", "a'b", "a'; rm -rf /; '", "~", "*", "a\\b", "a!b", "#x", "\u{1B}[31m7", "a'\n\\b\u{7}1",
      "é\u{202E}9",
      "x\u{9B}\u{E0041}",
    ]
    for word in words {
      let quoted = ShellWord.quoted(word)
      #expect(isClean(quoted), "\(quoted)")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", "printf %s \(quoted)"]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let read = try output.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      #expect(String(decoding: read, as: UTF8.self) == word)
    }
  }
}
