import Foundation
import Testing
import TidemarkClient
import TidemarkServers
import TidemarkTestKit

/// `tidemark export`, with the executable and real servers.
@Suite(.serialized) struct ExportTests {
  private struct Answer {
    /// The sessions of the lines, in their order.
    var sessions: [String]
    var lines: [[String: Any]]
    var next: String
  }

  private func export(_ product: Product, _ arguments: String...) async throws -> Answer {
    let outcome = try await TidemarkProcess.run(["export"] + arguments, environment: product.environment)
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    let lines = try outcome.standardOutput.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }
    let next = try #require(lines.last?["next"] as? String)
    return Answer(sessions: lines.compactMap { $0["session_id"] as? String }, lines: lines.dropLast(), next: next)
  }

  /// Writes a session with a call and an outcome by plain XADD.
  private func fill(_ product: Product, _ session: String, agent: String = "a", label: String = "good", score: String = "0.5") async throws
  {
    for fields in [
      "type session.started agent \(agent) user u meta.k 1", "type message.appended role user content hello-\(session)",
      "type tool.started call_id c tool t arguments {}", "type tool.finished call_id c status ok result [1]",
      "type message.appended role assistant content done", "type outcome.recorded label \(label) score \(score)",
    ] {
      _ = try await product.redis.commands("XADD \(Product.lane) * session \(session) \(fields)\n")
    }
  }

  @Test(arguments: ["chat", "raw"])
  func everyLineIsAsItsSchemaSays(format: String) async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      for session in ["b", "a", "c"] { try await fill(product, session) }
      try await product.add(["type": "session.ended", "session": "c", "title": "\u{1B}[31m", "status": "failed"])
      try await product.waitUntilCaughtUp()
      let answer = try await export(product, "--format", format)
      #expect(answer.sessions == ["a", "b", "c"])
      let data = try Data(contentsOf: URL(fileURLWithPath: "\(Documentation.root)/ops/export.schema.json"))
      let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      for line in answer.lines { #expect(violations(of: "#/$defs/\(format)", line, in: schema) == []) }
      #expect(violations(of: "#/$defs/end", ["next": answer.next], in: schema) == [])
      #expect(try await worker.stop() == 0)
    }
  }

  /// Returns where a value is not as a part of a schema says: as far as the schema in `ops` goes.
  private func violations(of reference: String, _ value: Any, in schema: [String: Any], at place: String = "") -> [String] {
    let definitions = schema["$defs"] as? [String: Any] ?? [:]
    func check(_ rule: Any, _ value: Any, _ place: String) -> [String] {
      guard let rule = rule as? [String: Any] else { return [] }
      if let reference = rule["$ref"] as? String {
        return check(definitions[String(reference.dropFirst("#/$defs/".count))] ?? [:] as [String: Any], value, place)
      }
      if let constant = rule["const"] as? String { return value as? String == constant ? [] : ["\(place) is not \(constant)"] }
      let types = rule["type"] as? [String] ?? (rule["type"] as? String).map { [$0] } ?? []
      let isOfType = types.contains { type in
        switch type {
        case "string": value is String
        case "array": value is [Any]
        case "object": value is [String: Any]
        case "null": value is NSNull
        default: value is NSNumber
        }
      }
      var found = types.isEmpty || isOfType ? [] : ["\(place) is none of \(types)"]
      if let object = value as? [String: Any] {
        let properties = rule["properties"] as? [String: Any] ?? [:]
        for name in rule["required"] as? [String] ?? [] where object[name] == nil { found.append("\(place) lacks \(name)") }
        for (name, part) in object {
          if let rule = properties[name] {
            found += check(rule, part, "\(place).\(name)")
          } else if rule["additionalProperties"] as? Bool == false {
            found.append("\(place) has \(name)")
          }
        }
      }
      for (index, item) in (value as? [Any] ?? []).enumerated() { found += check(rule["items"] ?? true, item, "\(place)[\(index)]") }
      return found
    }
    return check(["$ref": reference], value, place)
  }

  @Test func aCursorLeavesOutNothingThatIsCommittedLate() async throws {
    try await withProduct(["state.partitions": "2"]) { product in
      let worker = try await product.startWorker()
      try await product.waitFor("2", "select count(*) from tidemark.lanes")
      let lanes = ["tidemark:{0}:changes", "tidemark:{1}:changes"]
      #expect(try await product.run("lanes", "pause", lanes[0]).exitCode == 0)
      try await waitUntil("the lane is paused") { worker.standardError.contains("lane.paused") }
      // These wait in the paused lane, older than all that is exported first.
      try await product.addMessages(2, session: "late", to: lanes[0])
      try await product.addMessages(2, session: "early", to: lanes[1])
      try await product.add(["type": "context.set", "session": "letter", "key": "k", "value": "{"], to: lanes[1])
      try await product.addMessages(1, session: "early", to: lanes[1])
      try await product.waitUntilCaughtUp([lanes[1]])
      let first = try await export(product)
      #expect(first.sessions == ["early"])
      #expect(try await export(product, "--since", first.next).sessions == [])
      #expect(try await product.run("lanes", "resume", lanes[0]).exitCode == 0)
      try await product.waitUntilCaughtUp(lanes)
      let second = try await export(product, "--since", first.next)
      #expect(second.sessions == ["late"])
      // A replayed dead letter stands before the cursor.
      try await product.value("update tidemark.dead_letters set raw[8] = '1'")
      let replay = try await product.run("dead-letters", "replay", "1")
      #expect(replay.exitCode == 0, "\(replay.standardError)")
      let third = try await export(product, "--since", second.next)
      #expect(third.sessions == ["letter"])
      #expect(try await export(product, "--since", first.next).sessions == ["late", "letter"])
      #expect(try await export(product, "--since", third.next).sessions == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aLimitedExportGoesOnUntilEverySessionWasThere() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      for number in 1...5 { try await product.addMessages(1, session: "s\(number)") }
      try await product.waitUntilCaughtUp()
      let first = try await export(product, "--limit", "2")
      #expect(first.sessions == ["s1", "s2"])
      // What changes meanwhile comes later, whether its session was there or not.
      try await product.addMessages(1, session: "s1")
      try await product.addMessages(1, session: "s4")
      try await product.waitUntilCaughtUp()
      let second = try await export(product, "--limit", "2", "--since", first.next)
      #expect(second.sessions == ["s3", "s4"])
      let third = try await export(product, "--limit", "2", "--since", second.next)
      #expect(third.sessions == ["s5"])
      let fourth = try await export(product, "--limit", "1", "--since", third.next)
      #expect(fourth.sessions == ["s1"])
      let fifth = try await export(product, "--since", fourth.next)
      #expect(fifth.sessions == ["s4"])
      #expect(try await export(product, "--since", fifth.next).sessions == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func sessionsAreSelectedByAgentOutcomeAndTime() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await fill(product, "1", agent: "a", label: "good", score: "0.9")
      try await fill(product, "2", agent: "a", label: "bad", score: "0.1")
      try await fill(product, "3", agent: "b", label: "good", score: "0.2")
      try await product.add(["type": "outcome.recorded", "session": "3", "label": "bad", "score": "0.95"])
      try await product.waitUntilCaughtUp()
      #expect(try await export(product, "--agent", "a").sessions == ["1", "2"])
      #expect(try await export(product, "--label", "good").sessions == ["1", "3"])
      #expect(try await export(product, "--min-score", "0.9").sessions == ["1", "3"])
      // The same outcome has both.
      #expect(try await export(product, "--label", "good", "--min-score", "0.9").sessions == ["1"])
      #expect(try await export(product, "--from", "2001-01-01T00:00:00Z").sessions.count == 3)
      #expect(try await export(product, "--before", "2001-01-01T00:00:00Z").sessions == [])
      #expect(try await product.run("forget", "--session", "1").exitCode == 0)
      #expect(try await export(product).sessions == ["2", "3"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aCursorThatIsNoneOrOfAnotherInstallationIsRefused() async throws {
    try await withProduct { product in
      let outcome = try await product.run("export", "--since", "x")
      #expect(outcome.exitCode == 2 && outcome.standardError.contains("--since: is not a cursor"), "\(outcome.standardError)")
      let cursor = try await export(product).next
      try await product.value("update tidemark.installation set id = gen_random_uuid()")
      let other = try await product.run("export", "--since", cursor)
      #expect(other.exitCode == 1 && other.standardError.contains("another installation"), "\(other.standardError)")
    }
  }

  /// A Python with pandas, from `TIDEMARK_TEST_PYTHON` or the system.
  private static let python: String? = {
    let path = ProcessInfo.processInfo.environment["TIDEMARK_TEST_PYTHON"] ?? "/usr/bin/python3"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-c", "import pandas"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? path : nil
  }()

  @Test(.enabled(if: ExportTests.python != nil, "needs a Python with pandas, as TIDEMARK_TEST_PYTHON or the system's"))
  func thePageMakesTrainingDataOfAnExport() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      for (session, label) in [("1", "good"), ("2", "bad"), ("3", "good")] { try await fill(product, session, label: label) }
      try await product.waitUntilCaughtUp()
      let folder = try await ScratchSpace.current().folder("training")
      let whole = try await product.run("export")
      try await product.addMessages(1, session: "3")
      try await product.waitUntilCaughtUp()
      let last = Data((whole.standardOutput.split(separator: "\n").last ?? "").utf8)
      let end = try JSONSerialization.jsonObject(with: last) as? [String: String]
      let cursor = try #require(end?["next"])
      let changed = try await product.run("export", "--since", cursor)
      try Data((whole.standardOutput + changed.standardOutput).utf8).write(to: URL(fileURLWithPath: "\(folder)/sessions.jsonl"))
      let page = try String(contentsOfFile: "\(Documentation.root)/ops/export.md", encoding: .utf8)
      let code = try #require(page.components(separatedBy: "```python\n").last?.components(separatedBy: "```").first)
      #expect(code.split(separator: "\n").count == 10)
      let outcome = try await TidemarkProcess.run(["-c", code], environment: [:], workingDirectory: folder, path: Self.python)
      // Of each the question, the call, its answer and the last word; of the one that changed one more.
      #expect(outcome.standardOutput == "2 conversations with 9 messages\n", "\(outcome)")
      let training = try String(contentsOfFile: "\(folder)/training.jsonl", encoding: .utf8)
      #expect(training.split(separator: "\n").count == 2 && training.contains("hello-1") && !training.contains("hello-2"))
      #expect(try await worker.stop() == 0)
    }
  }
}
