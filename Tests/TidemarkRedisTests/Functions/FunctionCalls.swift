import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

/// Calls of the function library on one server, for one partition.
struct FunctionCalls: Sendable {
  let connection: RedisConnection
  var library = FunctionLibrary(prefix: "tidemark")

  /// The keys of a session, in the order in which functions declare them.
  static func keys(_ session: [UInt8], prefix: String = "tidemark", partition: Int = 0) -> [RedisArgument] {
    let base = Array("\(prefix):{\(partition)}:".utf8)
    func key(_ kind: String) -> RedisArgument { .bytes(base + Array("\(kind):".utf8) + session) }
    return [.bytes(base + Array("changes".utf8)), .bytes(base + Array("lane".utf8))]
      + ["session", "context", "messages", "tools", "ids"].map(key)
  }

  static let changes = "tidemark:{0}:changes"
  static let lane = "tidemark:{0}:lane"

  func call(_ function: String, _ session: String, _ arguments: [RedisArgument]) async throws -> RedisReply {
    let isReading = ["load", "durable", "presence", "evictable", "traces", "entries"].contains(function)
    return try await connection.send(
      [isReading ? "FCALL_RO" : "FCALL", .text("\(library.name)_\(function)"), "7"] + Self.keys(Array(session.utf8)) + [.text(session)]
        + arguments)
  }

  /// Appends a change. The fields are names and values, separated by spaces.
  @discardableResult
  func append(_ session: String, _ type: String, _ fields: String = "", expect: String = "-") async throws -> RedisReply {
    try await append(session, type, fields.split(separator: " ").map { String($0) }, expect: expect)
  }

  @discardableResult
  func append(_ session: String, _ type: String, _ fields: [String], expect: String = "-") async throws -> RedisReply {
    try await call("append", session, [.text(type), .text(expect)] + fields.map { .text($0) })
  }

  /// Appends several changes, each `TYPE NAME VALUE NAME VALUE ...`.
  func appendAll(_ session: String, _ changes: [String], expect: String = "-") async throws -> RedisReply {
    let arguments = changes.flatMap { change -> [RedisArgument] in
      let words = change.split(separator: " ").map { RedisArgument.text(String($0)) }
      return [words[0], .integer(Int64((words.count - 1) / 2))] + words.dropFirst()
    }
    return try await call("append_all", session, [.text(expect), .integer(Int64(changes.count))] + arguments)
  }

  func load(_ session: String, _ arguments: RedisArgument...) async throws -> HotState? {
    HotState(try await call("load", session, arguments))
  }

  /// Runs a command whose words are separated by spaces, and returns its reply.
  @discardableResult
  func command(_ words: String) async throws -> RedisReply {
    try await connection.send(words.split(separator: " ").map { .text(String($0)) }).orThrow()
  }

  /// Gives the server's data another history, as a promotion of a replica does, and makes the library forget the one that it remembers for
  /// a moment.
  func beginHistory() async throws {
    try await command("REPLICAOF 127.0.0.1 1")
    try await command("REPLICAOF NO ONE")
    try await forgetHistory()
  }

  /// Makes the library forget the history that it remembers for a moment.
  func forgetHistory() async throws {
    _ = try await connection.send(["FUNCTION", "LOAD", "REPLACE", .text(library.source)]).orThrow()
  }

  /// Returns the names and values of the lane's entries, each in one line.
  func entries() async throws -> [String] {
    try await command("XRANGE \(Self.changes) - +").elements?.compactMap { entry in
      entry.elements?.last?.elements?.map { $0.text ?? "?" }.joined(separator: " ")
    } ?? []
  }

  /// Returns all that the server holds, to show that a call changed nothing.
  func everything() async throws -> [String: [String]] {
    var all: [String: [String]] = [:]
    for key in try await command("KEYS *").elements?.compactMap(\.text) ?? [] {
      let name = RedisArgument.text(key)
      switch try await connection.send(["TYPE", name]).text {
      // The order of a hash's fields says nothing.
      case "hash":
        let pairs = try await connection.send(["HGETALL", name]).elements?.compactMap(\.text) ?? []
        all[key] = stride(from: 0, to: pairs.count, by: 2).map { "\(pairs[$0]) \(pairs[$0 + 1])" }.sorted()
      case "list": all[key] = try await connection.send(["LRANGE", name, "0", "-1"]).elements?.compactMap(\.text)
      case "stream": all[key] = ["\(try await connection.send(["XRANGE", name, "-", "+"]))"]
      case let type: all[key] = [type ?? ""]
      }
    }
    return all
  }
}

/// The hot state of a session, as load returns it.
struct HotState: Equatable {
  var session: [String: String]
  var context: [String: String]
  var tools: [String: String]
  var messages: [String]

  init?(_ reply: RedisReply) {
    guard let parts = reply.elements, parts.count == 4 else { return nil }
    session = Self.pairs(parts[0])
    context = Self.pairs(parts[1])
    tools = Self.pairs(parts[2])
    messages = parts[3].elements?.compactMap(\.text) ?? []
  }

  private static func pairs(_ reply: RedisReply) -> [String: String] {
    let texts = reply.elements?.compactMap(\.text) ?? []
    return Dictionary(uniqueKeysWithValues: stride(from: 0, to: texts.count, by: 2).map { (texts[$0], texts[$0 + 1]) })
  }

  /// The messages' contents.
  var contents: [String] {
    messages.map { $0.firstMatch(of: /"content":"([^"]*)"/).map { String($0.1) } ?? "?" }
  }
}

extension RedisReply {
  /// The message of an error.
  var refusal: String? { if case .error(let message) = self { message } else { nil } }

  /// The answer of append.
  var change: (seq: Int64, epoch: Int64, entryID: String)? {
    guard let parts = elements, parts.count == 3, let seq = parts[0].number, let epoch = parts[1].number, let id = parts[2].text else {
      return nil
    }
    return (seq, epoch, id)
  }

  var changes: [(seq: Int64, epoch: Int64, entryID: String)] { elements?.compactMap(\.change) ?? [] }
}

/// Runs `body` with a private server that has the function library. `started` are sessions that are begun before.
func withFunctions(
  started: [String] = ["s"], _ options: RedisServer.Options = .init(), isolation: isolated (any Actor)? = #isolation,
  _ body: (FunctionCalls) async throws -> Void
) async throws {
  try await withRedis(options) { server in
    let connection = try await RedisConnection.connect(try RedisConfiguration(url: server.url), name: "test")
    let functions = FunctionCalls(connection: connection)
    do {
      _ = try await functions.library.install(on: connection)
      for session in started { _ = try await functions.append(session, "session.started").orThrow() }
      try await body(functions)
      await connection.close()
    } catch {
      await connection.close()
      throw error
    }
  }
}
