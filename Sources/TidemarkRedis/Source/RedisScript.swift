internal import Crypto
internal import TidemarkCore

/// A script that a server keeps under its digest.
///
/// Every key that a call touches is declared: it works in a Cluster, too. A script says in its first line what it may be allowed: one that says
/// `allow-oom` runs on a server that has reached `maxmemory`, where Redis refuses other scripts whatever they do, and does not even queue the
/// commands of a MULTI.
struct RedisScript: Sendable {
  private let source: String
  private let digest: String

  init(_ source: String) {
    self.source = source
    digest = Hex.text(Insecure.SHA1.hash(data: Array(source.utf8)))
  }

  /// Makes calls, all sent together: each the number of its keys, its keys, its arguments. An error of the server is a value.
  func call(
    _ calls: [[RedisArgument]], bounds: ReplyBounds = .standard, on connection: RedisConnection
  ) async throws -> [RedisReply] {
    var replies = try await connection.pipeline(calls.map { ["EVALSHA", .text(digest)] + $0 }, bounds: bounds)
    // The server forgot the script (or never had it) somewhere in the pipeline; once sent whole it knows it again.
    let unknown = replies.indices.filter { if case .error(let text) = replies[$0] { text.hasPrefix("NOSCRIPT") } else { false } }
    guard let first = unknown.first else { return replies.map(explained) }
    replies[first] = try await connection.pipeline([["EVAL", .text(source)] + calls[first]], bounds: bounds)[0]
    let rest = unknown.dropFirst()
    let again = try await connection.pipeline(rest.map { ["EVALSHA", .text(digest)] + calls[$0] }, bounds: bounds)
    for (index, reply) in zip(rest, again) { replies[index] = reply }
    return replies.map(explained)
  }

  /// A refusal with the name of the command that was refused, in the words of a command outside of a script. Redis 7.0 names only the line of
  /// the script, or nothing where the script catches the error and adds the command itself, as in `(XINFO STREAM)`; later servers name it.
  private func explained(_ reply: RedisReply) -> RedisReply {
    guard case .error(let message) = reply, message.hasPrefix("ERR The user executing the script") else { return reply }
    guard let command = refusedCommand(message) else { return reply }
    return .error("NOPERM this user has no permissions to run the '\(command)' command")
  }

  /// As ACL rules name it: `xrange`, `xinfo|stream`.
  private func refusedCommand(_ message: String) -> String? {
    if let caught = message.firstMatch(of: /\(([A-Z]+)(?: ([A-Z]+))?\)$/) {
      return RedisRight.command([caught.1, caught.2].compactMap(\.self))
    }
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    guard let number = message.firstMatch(of: /@user_script:(\d+)/).flatMap({ Int($0.1) }), lines.indices.contains(number - 1),
      let call = lines[number - 1].firstMatch(of: /redis\.call\('([A-Z]+)'(?:, '([A-Z]+)')?/)
    else { return nil }
    return RedisRight.command([call.1, call.2].compactMap(\.self))
  }
}
