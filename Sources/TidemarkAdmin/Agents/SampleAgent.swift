internal import TidemarkCore

/// A simulated agent. It works through sessions step by step and writes a mix of changes like a real agent's.
struct SampleAgent: Sendable {
  private let number: Int
  private var random: SeededGenerator
  private var sessionCount = 0
  private var stepsLeft = 0
  private var session = ""
  private var openCall: (id: String, tool: String)?
  private var calls = 0

  init(number: Int, seed: UInt64) {
    self.number = number
    random = SeededGenerator(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Returns the next change: its session and the fields of its entry.
  mutating func next() -> (session: String, fields: [String]) {
    if stepsLeft == 0 {
      sessionCount += 1
      session = "sample-\(number)-\(String(random.next() >> 32, radix: 36))"
      stepsLeft = Int.random(in: 40...160, using: &random)
      openCall = nil
      return change(
        "session.started", ["agent", "sample-\(number)", "title", "Sample session \(sessionCount)", "meta.plan", "{\"tier\": \"demo\"}"])
    }
    stepsLeft -= 1
    if stepsLeft == 0 { return change("session.ended", ["status", "completed"]) }
    if let call = openCall, Bool.random(using: &random) {
      openCall = nil
      return change(
        "tool.finished", ["call_id", call.id, "status", "ok", "result", "{\"rows\": \(random.next() % 100)}", "cost", "0.0004"])
    }
    switch random.next() % 100 {
    case 0..<52:
      let role = random.next() % 2 == 0 ? "user" : "assistant"
      return change("message.appended", ["role", role, "content", text(), "tokens", "\(20 + random.next() % 200)"])
    case 52..<74:
      return change(
        "context.set",
        ["key", "fact-\(random.next() % 20)", "value", "{\"text\": \"\(text())\", \"score\": \(random.next() % 100)}", "kind", "fact"])
    case 74..<95 where openCall == nil:
      calls += 1
      let call = (id: "call-\(calls)", tool: ["search", "sql", "browser", "shell"][Int(random.next() % 4)])
      openCall = call
      return change("tool.started", ["call_id", call.id, "tool", call.tool, "arguments", "{\"query\": \"\(text())\"}"])
    case 95..<97: return change("outcome.recorded", ["label", "helpful", "score", "0.\(random.next() % 100)"])
    case 97: return change("snapshot.requested", ["reason", "sample"])
    case 98: return change("context.removed", ["key", "fact-\(random.next() % 20)"])
    default: return change("session.updated", ["meta.step", "\(stepsLeft)"])
    }
  }

  private func change(_ type: String, _ fields: [String]) -> (session: String, fields: [String]) {
    (session, ["type", type, "session", session] + fields)
  }

  private static let words =
    "the agent looks up recent orders compares them with its goal and asks whether a refund is due before it answers customer".split(
      separator: " ")

  private mutating func text() -> String {
    (0..<Int.random(in: 10...32, using: &random)).map { _ in String(Self.words[Int(random.next() % UInt64(Self.words.count))]) }
      .joined(separator: " ")
  }
}
