import Foundation
import Testing
import TidemarkCore
import TidemarkRedis

@testable import TidemarkAdmin

/// The load has the mix of the performance goals and is identical in each run.
@Suite struct BenchChangesTests {
  private static let lanes = BuiltInLanes(prefix: "b", partitions: 16)

  private static func commands(_ count: Int, _ load: BenchLoad, seed: UInt64 = 1) -> (changes: BenchChanges, commands: [[RedisArgument]]) {
    var changes = BenchChanges(load, sessions: 200, lanes: lanes, seed: seed)
    let commands = (0..<count).map { _ in changes.next().command }
    return (changes, commands)
  }

  private static func text(_ argument: RedisArgument) throws -> String {
    switch argument {
    case .text(let text): text
    case .bytes(let bytes): try #require(String(validating: bytes, as: UTF8.self))
    case .integer(let number): "\(number)"
    }
  }

  @Test func theSameSeedWritesTheSameChanges() {
    #expect(Self.commands(500, .mix).commands == Self.commands(500, .mix).commands)
    #expect(Self.commands(500, .mix).commands != Self.commands(500, .mix, seed: 2).commands)
  }

  @Test func theMixHasTheSharesOfTheGoals() throws {
    let (changes, commands) = Self.commands(20_000, .mix)
    let types = try commands.map { try Self.text($0[4]) }
    func share(_ type: String) -> Double { Double(types.count { $0 == type }) / 20_000 }
    #expect(abs(share("message.appended") - 0.5) < 0.02)
    #expect(abs(share("context.set") - 0.2) < 0.02)
    #expect(abs(share("tool.started") - 0.125) < 0.02)
    #expect(abs(share("tool.finished") - 0.125) < 0.02)
    #expect(changes.messages == types.count { $0 == "message.appended" })
    #expect(Set(types).count == 7)
    // The five percent of small changes have no long text.
    #expect((300...340).contains(changes.bytes / 20_000))
  }

  @Test func messagesAreNothingElseAndAllOfOneSize() throws {
    let (changes, commands) = Self.commands(1_000, .messages)
    #expect(try commands.allSatisfy { try Self.text($0[4]) == "message.appended" })
    #expect(changes.messages == 1_000)
    #expect((328...334).contains(changes.bytes / 1_000))
  }

  @Test func everyChangeGoesToItsSessionsLaneAndIsOneThatTheWorkerTakes() throws {
    let (_, commands) = Self.commands(3_000, .mix)
    for command in commands {
      let words = try command.map { try Self.text($0) }
      #expect(words[1] == Self.lanes.names[Self.lanes.partition(ofSession: words[6].utf8)])
      for (name, value) in zip(words.dropFirst(3), words.dropFirst(4)) where ["value", "arguments", "result"].contains(name) {
        #expect(throws: Never.self) { try JSONText.check(value) }
      }
    }
  }

  @Test func aCallIsFinishedOnceAndAfterItsStart() throws {
    var open: Set<String> = []
    for command in Self.commands(5_000, .mix).commands {
      let words = try command.map { try Self.text($0) }
      switch words[4] {
      case "tool.started": #expect(open.insert("\(words[6]) \(words[8])").inserted)
      case "tool.finished": #expect(open.remove("\(words[6]) \(words[8])") != nil)
      default: break
      }
    }
  }
}

/// Parses a text with a JSON parser.
private enum JSONText {
  static func check(_ text: String) throws { _ = try JSONSerialization.jsonObject(with: Data(text.utf8)) }
}
