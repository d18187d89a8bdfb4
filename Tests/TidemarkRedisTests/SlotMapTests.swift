import Testing
import TidemarkCore

@testable import TidemarkRedis

@Suite("Who holds which slot of a Cluster")
struct SlotMapTests {
  @Test(
    "Slots are those of the specification",
    arguments: [
      ("123456789", 12739), ("{user1000}.following", 3443), ("user1000", 3443), ("foo{bar}{zap}", 5061), ("bar", 5061),
      ("tidemark:{3}:changes", 1584), ("3", 1584), ("", 0),
    ])
  func slots(key: String, slot: Int) {
    #expect(SlotMap.slot(of: key) == slot)
  }

  @Test("Empty and unfinished braces count as text")
  func braces() {
    #expect(SlotMap.slot(of: "foo{}{bar}") != SlotMap.slot(of: "bar"))
    #expect(SlotMap.slot(of: "foo{{bar}}zap") == SlotMap.slot(of: "{bar"))
    #expect(SlotMap.slot(of: "foo{bar") != SlotMap.slot(of: "bar"))
  }

  private func range(_ first: Int64, _ last: Int64, _ nodes: (String, Int64)...) -> RedisReply {
    .array(
      [.integer(first), .integer(last)]
        + nodes.map { .array([.bulk(Array($0.0.utf8)), .integer($0.1), .bulk(Array("an id".utf8)), .array([])]) })
  }

  private let asked = RedisNode(host: "10.0.0.9", port: 7000)

  @Test("The first node of a range is the master; one that does not know its address has the one that was asked")
  func parses() throws {
    let map = try SlotMap(
      .array([range(0, 8000, ("10.0.0.1", 7001), ("10.0.0.2", 7002)), range(8001, 16000, ("", 7003))]), asked: asked)
    #expect(map.nodes == [RedisNode(host: "10.0.0.1", port: 7001), RedisNode(host: "10.0.0.9", port: 7003)])
    #expect(map.node(of: "bar") == RedisNode(host: "10.0.0.1", port: 7001))
    #expect(map.node(of: "123456789") == RedisNode(host: "10.0.0.9", port: 7003))
    #expect(SlotMap.slot(of: "key:24") > 0)
    #expect(SlotMap().node(of: "bar") == nil)
  }

  @Test("The order in which a node tells the ranges makes no other map")
  func order() throws {
    let (one, two) = (range(0, 8000, ("a", 1)), range(8001, 16383, ("b", 2)))
    #expect(try SlotMap(.array([one, two]), asked: asked) == SlotMap(.array([two, one]), asked: asked))
  }

  @Test(
    "What is no answer to the question is refused",
    arguments: [
      RedisReply.null, .error("ERR This instance has cluster support disabled"), .array([.integer(3)]),
      .array([.array([.integer(0), .integer(16384), .array([.bulk([65]), .integer(1)])])]),
      .array([.array([.integer(9), .integer(8), .array([.bulk([65]), .integer(1)])])]),
      .array([.array([.integer(0), .integer(8), .array([])])]),
    ])
  func refused(reply: RedisReply) {
    #expect(throws: RedisError.self) { try SlotMap(reply, asked: asked) }
  }

  @Test("Redirections are read, other errors are none")
  func redirections() {
    #expect(Redirection("MOVED 3999 127.0.0.1:6381", asked: "h") == .moved(slot: 3999, to: RedisNode(host: "127.0.0.1", port: 6381)))
    #expect(Redirection("ASK 3999 ::1:6381", asked: "h") == .ask(slot: 3999, to: RedisNode(host: "::1", port: 6381)))
    #expect(Redirection("ASK 3999 :6381", asked: "h") == .ask(slot: 3999, to: RedisNode(host: "h", port: 6381)))
    #expect(Redirection("MOVED 3999 ?:6381", asked: "h") == .moved(slot: 3999, to: RedisNode(host: "h", port: 6381)))
    for text in ["MOVED", "MOVED x 127.0.0.1:6381", "MOVED 1 127.0.0.1", "MOVED 1 a:0", "ERR 1 a:1", "CLUSTERDOWN The cluster is down"] {
      #expect(Redirection(text, asked: "h") == nil, "\(text)")
    }
  }
}
