import Testing
import TidemarkTestKit

@testable import TidemarkCore

/// Tests which fields of an entry are its content, and which values count as absent.
@Suite struct EntryContentTests {
  private static let now = EntryID(ms: 1_795_389_463_124, no: 0)
  private static let base: [RawField] = change("message.appended", [["role", "user"], ["content", "x"], ["event_id", "e"]])

  private static func digests(_ fields: [RawField]) -> (entry: ContentDigest?, content: ContentDigest?) {
    let decoded = decode(fields, id: now).change
    return (decoded?.digest, decoded?.contentDigest)
  }

  @Test(arguments: [["ts", "1795389463000"], ["trace", "00-ab-cd-01"], ["seq", "1"], ["epoch", "1"]] as [RawField])
  func `a new time, trace or number changes the entry and not its content`(other: RawField) {
    let (first, again) = (Self.digests(Self.base), Self.digests(Self.base + [other]))
    #expect(first.content != nil)
    #expect(again.content == first.content)
    #expect(again.entry != first.entry)
  }

  @Test func `the event id is not content, and distinguishes entries`() {
    let (first, other) = (Self.digests(Self.base), Self.digests(Self.base.dropLast() + [["event_id", "f"]]))
    #expect(other.content == first.content)
    #expect(other.entry != first.entry)
    let without = Self.digests(Array(Self.base.dropLast()))
    #expect(without.content == first.content)
    #expect(without.entry == without.content)
  }

  @Test(
    arguments: [["actor", "a"], ["v", "2"], ["model", "m"], ["x", "y"], ["tss", "1"]] as [RawField])
  func `every other field is content`(other: RawField) {
    #expect(Self.digests(Self.base + [other]).content != Self.digests(Self.base).content)
  }

  @Test func `the digests of large entries are defined like those of small ones`() {
    let large = change("message.appended", [["role", "user"], ["content", text(100_000)], ["event_id", "e"]])
    #expect(Self.digests(large + [["trace", "t"]]).content == Self.digests(large).content)
    #expect(Self.digests(large + [["trace", text(100_000)]]).content == Self.digests(large).content)
    #expect(Self.digests(large + [["trace", "t"]]).entry != Self.digests(large).entry)
  }

  private static let seconds = "1795389463"

  private static let times: [(EntryID, String, String?)] = [
    (now, "978307200000", nil), (now, "978307199999", "before 2001"), (now, "1795475863124", nil), (now, "1795475863125", "a day after"),
    (now, seconds, "looks like seconds"), (now, seconds + "000000", "looks like microseconds"),
    (now, seconds + "000000000", "looks like nanoseconds"), (now, "0", "before 2001"), (now, "-1", "before 2001"),
    (now, "-9223372036854775808", "before 2001"), (now, "9223372036854775807", "a day after"),
    // These ids tell no time: counted by a producer, in seconds, in microseconds.
    (EntryID(ms: 7, no: 0), "1795389463124", nil), (EntryID(ms: 7, no: 0), seconds, "looks like seconds"),
    (EntryID(ms: 1_795_389_463, no: 0), "253402300799999", nil), (EntryID(ms: 1_795_389_463, no: 0), "253402300800000", "year 9999"),
    (EntryID(ms: 1_795_389_463_124_000, no: 0), "1795389463124", nil),
    (EntryID(ms: 1_795_389_463_124_000, no: 0), seconds + "124000", "looks like microseconds"),
  ]

  @Test(arguments: times.indices) func `a time is in milliseconds, between 2001 and a day after the entry's own time`(index: Int) {
    let (id, ts, problem) = Self.times[index]
    let rejection = decode(change("a", [RawField("ts", ts)]), id: id).rejection
    #expect(rejection?.reason == (problem == nil ? nil : .invalidField), "\(rejection?.detail ?? "taken")")
    #expect(rejection?.detail.contains(problem ?? "") != false, "\(rejection?.detail ?? "")")
    if problem != nil { #expect(rejection?.detail.contains("milliseconds since 1970") == true) }
  }

  private static let emptied: [(String, [RawField])] = [
    ("message.appended", [["role", "r"], ["content", ""], ["parts", ""], ["tokens", ""], ["usage", ""], ["meta", ""]]),
    ("session.started", [["title", "t"], ["meta.a", ""], ["meta.b", ""]]),
    ("tool.started", [["call_id", "c"], ["tool", "t"], ["arguments", ""]]),
    ("tool.finished", [["call_id", "c"], ["status", "ok"], ["result", ""], ["cost", ""], ["usage", ""]]),
    ("outcome.recorded", [["label", "l"], ["score", ""], ["meta", ""]]),
    ("a", [["seq", ""], ["epoch", ""], ["v", ""], ["ts", ""]]),
  ]

  @Test(arguments: emptied.indices) func `an optional JSON or number field that is empty counts as absent`(index: Int) {
    let (type, fields) = Self.emptied[index]
    let isKnown = type != "a"
    let batch = ChangeBatch.of([(Self.now, change(type, fields))])
    let without = ChangeBatch.of([(Self.now, change(type, fields.filter { $0.name == Array("content".utf8) || !$0.value.isEmpty }))])
    #expect(batch.entries[0].disposition == .apply, "\(type)")
    for set in batch.rowSets.map(\.destination.name) { #expect(batch.rows(set) == without.rows(set), "\(type)") }
    if isKnown { #expect(batch.text(batch.entries[0].fields) == without.text(without.entries[0].fields), "\(type)") }
    #expect(batch.text(batch.entries[0].occurredAt) == without.text(without.entries[0].occurredAt))
    #expect(batch.entries[0].seq == .null)
  }

  @Test(
    arguments: [
      ("context.set", [["key", "k"], ["value", ""]], "value is empty"), ("message.appended", [["parts", ""]], "role is missing"),
      ("outcome.recorded", [["score", ""]], "label or score is missing"),
    ] as [(String, [RawField], String)])
  func `an empty required field counts as missing`(type: String, fields: [RawField], detail: String) {
    let rejection = decode(change(type, fields)).rejection
    #expect(rejection?.reason == .missingField)
    #expect(rejection?.detail.contains(detail) == true, "\(rejection?.detail ?? "taken")")
  }

  private static let replaced: [(String, String)] = [
    (#""\u0000""#, #""\uFFFD""#), (#"{"a\u0000":["\ud83d","\uDE00x"]}"#, #"{"a\uFFFD":["\uFFFD","\uFFFDx"]}"#),
    (#""\uD83D\uD83D\uDE00\uDE00""#, #""\uFFFD\uD83D\uDE00\uFFFD""#), (#""\uD83D\n\u0041""#, #""\uFFFD\n\u0041""#),
    (#""\\u0000\\\u0000\\\\ud800""#, #""\\u0000\\\uFFFD\\\\ud800""#),
    (#" [ 1.50 , "\/\u00e9\ud800" ] "#, #" [ 1.50 , "\/\u00e9\uFFFD" ] "#),
  ]

  @Test(arguments: replaced.indices) func `with replacing, escapes that jsonb can't hold become U+FFFD and nothing else changes`(
    index: Int
  ) {
    let (value, expected) = Self.replaced[index]
    let set = change("context.set", [["key", "k"], RawField("value", value)])
    #expect(decode(set).rejection?.reason == .badJSON)
    let batch = ChangeBatch.of([(Self.now, set)], replacesNUL: true)
    #expect(batch.rows("context_history").first?[6] == expected)
    let started = change("session.started", [RawField("meta.m", value), ["title", "t"]])
    let meta = ChangeBatch.of([(Self.now, started)], replacesNUL: true)
    #expect(meta.rows("apply_session_changes").first?[12] == "{\"m\":\(expected)}")
    #expect(meta.text(meta.entries[0].fields) == "{\"title\":\"t\",\"meta.m\":\(expected)}")
    #expect(jsonProblem(expected) == nil)
  }

  @Test func `without replacing, such escapes are refused`() {
    for value in [#""\u000""#, #""\ud80""#, "\"\u{0}\"", #"{"\u0000"}"#, #""\x""#] {
      let set = change("context.set", [["key", "k"], RawField("value", value)])
      #expect(decode(set, replacesNUL: true).rejection?.reason == .badJSON, "\(value)")
    }
    // The entries are decoded one after another; the first must not influence the second.
    let batch = ChangeBatch.of(
      numbered([
        change("context.set", [["key", "k"], ["value", #""\u0000""#]]), change("context.set", [["key", "\0"], ["value", #""\\u0000""#]]),
      ]), replacesNUL: true)
    #expect(batch.rows("context_history").map { $0[6] } == [#""\uFFFD""#, #""\\u0000""#])
  }
}
