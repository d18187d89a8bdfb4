import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct EntryDecoderEnvelopeTests {
  private static let faults: [(String, [RawField], RejectionReason, String)] = [
    ("no fields at all", [], .missingField, "type is missing"),
    ("no type", [["session", "s"]], .missingField, "type is missing"),
    ("no session", [["type", "a"]], .missingField, "session is missing"),
    ("an empty type", [["type", ""], ["session", "s"]], .missingField, "type is empty"),
    ("an empty session", [["type", "a"], ["session", ""]], .missingField, "session is empty"),
    ("a misspelt type", [["tpye", "a"], ["session", "s"]], .missingField, "tpye"),
    ("a misspelt session", [["type", "a"], ["sesion", "s"]], .missingField, "sesion"),
    ("a capital letter", [["Type", "a"], ["session", "s"]], .missingField, "Type"),
    ("a session of 257 bytes", [["type", "a"], ["session", text(257)]], .tooLong, "257 bytes, 256"),
    ("a session of 300 bytes", [["type", "a"], ["session", text(300)]], .tooLong, "300 bytes, 256"),
    ("129 two-byte letters", [["type", "a"], ["session", String(repeating: "é", count: 129)]], .tooLong, "258 bytes"),
    ("a type of 129 bytes", [["type", text(129)], ["session", "s"]], .tooLong, "129 bytes, 128"),
    ("an event_id of 513 bytes", change("a", [["event_id", text(513)]]), .tooLong, "event_id"),
    ("an empty event_id", change("a", [["event_id", ""]]), .invalidField, "event_id is empty"),
    ("seq no integer", change("a", [["seq", "1.0"]]), .badNumber, "seq"),
    ("seq with a plus", change("a", [["seq", "+1"]]), .badNumber, "seq"),
    ("seq with a space", change("a", [["seq", " 1"]]), .badNumber, "seq"),
    ("seq too large", change("a", [["seq", "9223372036854775808"]]), .badNumber, "seq"),
    ("epoch too small", change("a", [["epoch", "-9223372036854775809"]]), .badNumber, "epoch"),
    ("ts no integer", change("a", [["ts", "yesterday"]]), .badNumber, "ts"),
    ("ts before 1970", change("a", [["ts", "-1"]]), .invalidField, "ts"),
    ("ts after 9999", change("a", [["ts", "253402300800000"]]), .invalidField, "ts"),
    ("v negative", change("a", [["v", "-1"]]), .badNumber, "v"),
    ("v above 32 bits", change("a", [["v", "2147483648"]]), .badNumber, "v"),
    ("ephemeral neither 0 nor 1", change("a", [["ephemeral", "true"]]), .invalidField, "ephemeral"),
    ("ephemeral empty", change("a", [["ephemeral", ""]]), .invalidField, "ephemeral"),
    ("type given twice", change("a", [["type", "a"]]), .repeatedField, "'type'"),
    ("a foreign field given twice", change("a", [["x", "1"], ["y", "2"], ["x", "1"]]), .repeatedField, "'x'"),
    ("a name that is not UTF-8", change("a", [RawField([0x61, 0xFF], [0x31])]), .badUTF8, "not UTF-8"),
    ("a value that is not UTF-8", change("a", [RawField(Array("x".utf8), [0xC3, 0x28])]), .badUTF8, "'x'"),
    ("a session that is not UTF-8", [["type", "a"], RawField(Array("session".utf8), [0x80])], .badUTF8, "'session'"),
    ("an encoded surrogate", change("a", [RawField(Array("x".utf8), [0xED, 0xA0, 0x80])]), .badUTF8, "'x'"),
    ("an overlong encoding", change("a", [RawField(Array("x".utf8), [0xC0, 0xAF])]), .badUTF8, "'x'"),
    ("a NUL in a value", change("a", [["x", "a\0b"]]), .unstorableText, "'x'"),
    ("a NUL in a name", change("a", [["x\0", "a"]]), .unstorableText, "NUL"),
    ("a NUL in the session", [["type", "a"], ["session", "s\0"]], .unstorableText, "'session'"),
  ]

  @Test(arguments: faults.indices) func `a fault of the envelope is named`(index: Int) {
    let (name, fields, reason, detail) = Self.faults[index]
    let rejection = decode(fields).rejection
    #expect(rejection?.reason == reason, "\(name)")
    #expect(rejection?.detail.contains(detail) == true, "\(name): \(rejection?.detail ?? "")")
    #expect(rejection?.detail.contains { $0.isNewline || $0 == "\0" } == false, "\(name)")
  }

  @Test func `values at a limit are accepted, and values beyond it are refused`() {
    let fields: [RawField] = [["type", text(128)], ["session", text(256)], ["event_id", text(512)]]
    #expect(decode(fields).change != nil)
    let numbers = change(
      "a", [["seq", "9223372036854775807"], ["epoch", "-9223372036854775808"], ["v", "2147483647"], ["ts", "253402300799999"]])
    #expect(decode(numbers).change?.seq == .max)
    #expect(decode(numbers).change?.epoch == .min)
    #expect(decode(numbers).change?.version == 2_147_483_647)
    #expect(decode(numbers).change?.occurredMilliseconds == 253_402_300_799_999)
  }

  @Test func `absent fields have their defaults`() {
    let decoded = decode(change("a"), id: EntryID(ms: 4_711, no: 3)).change
    #expect(decoded?.occurredMilliseconds == 4_711)
    #expect(decoded?.version == 1)
    #expect(decoded?.seq == nil)
    #expect(decoded?.epoch == nil)
    #expect(decoded?.eventID == nil)
    // The id is beyond the last moment that a timestamp may name.
    #expect(decode(change("a"), id: EntryID(ms: UInt64(Int64.max), no: 0)).change?.occurredMilliseconds == 253_402_300_799_999)
  }

  @Test func `an ephemeral entry is recognised, and 0 counts as absent`() {
    #expect(decode(change("a", [["ephemeral", "1"]])).change?.isEphemeral == true)
    #expect(decode(change("a", [["ephemeral", "0"]])).change?.isEphemeral == false)
    #expect(decode(change("context.set", [["ephemeral", "1"]])).change?.isEphemeral == true)
  }

  @Test func `a dead letter has its session wherever the field stands in the entry`() {
    let faults: [RawField] = [["ephemeral", "maybe"], ["seq", "x"], ["event_id", ""]]
    for fault in faults {
      for fields in [change("a", [fault]), [fault] + change("a")] {
        guard case .rejected(_, let session) = decode(fields) else {
          Issue.record("\(fields) was taken")
          continue
        }
        #expect(session == "s", "\(fields)")
      }
    }
  }

  private static let unusable: [(String, [RawField])] = [
    ("a field given twice", change("a", [["x", "1"], ["x", "2"]])),
    ("a value that is not UTF-8", change("a", [RawField(Array("x".utf8), [0xC3])])),
    ("a name that is not UTF-8", [RawField([0xFF], [])] + change("a")),
    ("a NUL in a value", change("a", [["x", "a\0b"]])),
    ("no type", [["session", "s"]]),
    ("too large", change("a", [RawField("x", text(1 << 20))])),
  ]

  @Test func `a dead letter has its session even if other fields can't be stored or read`() {
    for (name, fields) in Self.unusable {
      guard case .rejected(_, let session) = decode(fields) else {
        Issue.record("\(name) was taken")
        continue
      }
      #expect(session == "s", "\(name)")
    }
  }

  @Test func `a dead letter has no session where Postgres can't store it or two are given`() {
    let sessions: [[RawField]] = [
      [RawField(Array("session".utf8), [0x80])], [["session", "s\0"]], [["session", "s"], ["session", "t"]], [["session", ""]],
    ]
    for session in sessions {
      for others in [[], [["x", "\0"]]] as [[RawField]] {
        guard case .rejected(_, let kept) = decode([["type", "a"]] + session + others) else {
          Issue.record("\(session) was taken")
          continue
        }
        #expect(kept == "", "\(session)")
      }
    }
  }

  @Test func `a dead letter has no session where it is too long`() {
    for fault in [["x", "1"], ["ephemeral", "maybe"]] as [RawField] {
      guard case .rejected(_, let session) = decode([["type", "a"], ["session", text(300)], fault]) else {
        Issue.record("it was taken")
        return
      }
      #expect(session == "")
    }
  }

  @Test func `a character that is split between two fields, or a name and its value, is not UTF-8`() {
    let between = [RawField("a".utf8, [0xC3]), RawField([0xA9], "b".utf8)]
    let within = [RawField([0xC3], [0xA9])]
    for fields in [between, within] {
      #expect(decode(change("messages.cleared", fields)).rejection?.reason == .badUTF8)
    }
  }

  @Test func `a NUL is accepted where it is replaced, but never within JSON`() {
    #expect(decode(change("a", [["x\0y", "a\0b"]]), replacesNUL: true).change?.hasNUL == true)
    #expect(decode(change("a", [["x", "b"]]), replacesNUL: true).change?.hasNUL == false)
    let json = change("context.set", [["key", "k"], ["value", "\"a\0\""]])
    #expect(decode(json, replacesNUL: true).rejection?.reason == .badJSON)
  }

  @Test func `a message about a misspelt name shows nothing that can't be printed or stored`() {
    for name in ["key\n", "key\0", "k\u{1B}y"] {
      let rejection = decode(change("context.set", [[name, "k"], ["value", "1"]]), replacesNUL: true).rejection
      #expect(rejection?.reason == .missingField)
      #expect(rejection?.detail.utf8.allSatisfy { $0 >= 0x20 } == true, "\(rejection?.detail ?? "")")
    }
  }

  @Test func `an entry beyond the limit is refused, one at the limit is not`() {
    let fields = change("a", [["x", text(100)]])
    let size = EntryBlock.of(fields).size(of: EntryBlock.of(fields).entries[0])
    #expect(decode(fields, maxEntryBytes: size).change != nil)
    #expect(decode(fields, maxEntryBytes: size - 1).rejection?.reason == .entryTooLarge)
  }

  @Test func `an entry whose value the reader cut is refused`() {
    var block = EntryBlock.of(change("a", [["x", "cut"]]))
    block.truncations = [EntryBlock.Truncation(field: 2, length: 1 << 30, digest: [])]
    #expect(decode(block).rejection?.reason == .entryTooLarge)
    // The cut value belongs to another entry of the block.
    block.truncations = [EntryBlock.Truncation(field: 3, length: 1 << 30, digest: [])]
    #expect(decode(block).change != nil)
  }

  @Test func `the digest doesn't depend on the order of the fields, only on their content`() {
    var random = SeededGenerator(seed: 6)
    let fields = change("x", [["a", "1"], ["b", "2"], ["aa", ""], ["", "empty name"], ["é", "ü"], ["seq", "4"]])
    let digest = decode(fields).change?.digest
    for _ in 0..<50 { #expect(decode(fields.shuffled(using: &random)).change?.digest == digest) }
    var seen: Set<ContentDigest> = [digest ?? .none]
    // The letters are equal, but the borders of names and values differ.
    let others: [[RawField]] = [
      [["a", "12"]], [["a1", "2"]], [["a", "1"], ["b", "2"]], [["a", "1b2"]], [["a", ""], ["1b", "2"]], [["b", "2"], ["a", "2"]],
      [["a", "1"]], [["A", "1"]], [["a", "1 "]],
    ]
    for other in others {
      let digest = decode(change("x", other)).change?.digest ?? .none
      #expect(seen.insert(digest).inserted, "\(other)")
    }
  }
}
