/// Which statements a connection has prepared.
///
/// The server knows each under a number that is never used again, so that forgetting one is always safe, and behind a word that no other
/// session uses: a backend that turns out to be another session's refuses, rather than run what that session prepared, in another schema.
struct PreparedStatements {
  /// Beyond it statements are sent unprepared: a server keeps each plan in memory for as long as the connection lives.
  static let limit = 512

  enum Plan: Equatable {
    /// Sent with its text.
    case plain
    case execute(String)
    /// To be prepared under this name first.
    case prepare(String)
  }

  private struct Entry {
    var sql: String
    var serverName: String
  }

  private var entries: [String: Entry] = [:]
  private var next = 0
  private let session = String(UInt64.random(in: .min ... .max), radix: 36)

  /// Decides how to send a statement and counts what it says to prepare as prepared. Throws `.misuse` when a name stands for
  /// another text already.
  mutating func plan(_ statement: PostgresStatement) throws -> Plan {
    guard let name = statement.name else { return .plain }
    if let entry = entries[name] {
      guard entry.sql == statement.sql else {
        throw PostgresError(.misuse, "the statement name \(name) stands for another text on this connection")
      }
      return .execute(entry.serverName)
    }
    guard entries.count < Self.limit else { return .plain }
    next += 1
    let serverName = "tidemark_\(session)_\(next)"
    entries[name] = Entry(sql: statement.sql, serverName: serverName)
    return .prepare(serverName)
  }

  mutating func forget(_ name: String?) {
    if let name { entries[name] = nil }
  }
}
