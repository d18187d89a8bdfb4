internal import Crypto
internal import TidemarkCore

/// A script that a server stores under its digest.
///
/// All keys of a call are declared, so scripts also work in a Cluster. The first line of a script declares its flags: with `allow-oom` it
/// runs on a server that has reached `maxmemory`, where Redis refuses other scripts whatever they do, and does not even queue the commands
/// of a MULTI.
struct RedisScript: Sendable {
  private let source: String
  private let digest: String

  init(_ source: String) {
    self.source = source
    digest = Hex.text(Insecure.SHA1.hash(data: Array(source.utf8)))
  }

  /// Sends calls in one pipeline, each with the number of its keys, its keys and its arguments. An error of the server is a value.
  func call(
    _ calls: [[RedisArgument]], bounds: ReplyBounds = .standard, on connection: RedisConnection
  ) async throws -> [RedisReply] {
    var replies = try await connection.pipeline(calls.map { ["EVALSHA", .text(digest)] + $0 }, bounds: bounds)
    // Somewhere in the pipeline the server did not have the script; after the script was sent in full, the server has it again.
    let unknown = replies.indices.filter { if case .error(let text) = replies[$0] { text.hasPrefix("NOSCRIPT") } else { false } }
    guard let first = unknown.first else { return replies.map(explained) }
    replies[first] = try await connection.pipeline([["EVAL", .text(source)] + calls[first]], bounds: bounds)[0]
    let rest = unknown.dropFirst()
    let again = try await connection.pipeline(rest.map { ["EVALSHA", .text(digest)] + calls[$0] }, bounds: bounds)
    for (index, reply) in zip(rest, again) { replies[index] = reply }
    return replies.map(explained)
  }

  /// Returns a refusal with the name of the refused command, in the words of a command outside a script. Redis 7.0 names only the line of
  /// the script, or nothing if the script catches the error and adds the command itself, as in `(XINFO STREAM)`; later servers name the
  /// command.
  private func explained(_ reply: RedisReply) -> RedisReply {
    guard case .error(let message) = reply, message.hasPrefix("ERR The user executing the script") else { return reply }
    guard let command = refusedCommand(message) else { return reply }
    return .error("NOPERM this user has no permissions to run the '\(command)' command")
  }

  /// Returns the command's name in ACL rules: `xrange`, `xinfo|stream`.
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
