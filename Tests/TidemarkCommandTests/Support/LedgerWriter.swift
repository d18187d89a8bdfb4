import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

/// Writes messages of many sessions, one after the other, and keeps a ledger of the acknowledged ones; works with any Redis topology.
actor LedgerWriter {
  struct Key: Hashable {
    var lane: String
    var id: String
  }

  private let keyspace: RedisKeyspace
  private let lanes: BuiltInLanes
  private var number = 0
  /// The content of each acknowledged entry.
  private(set) var acknowledged: [Key: String] = [:]

  init(_ url: String, partitions: Int) throws {
    var configuration = try RedisConfiguration(url: url)
    configuration.connectTimeout = .seconds(1)
    configuration.commandTimeout = .seconds(2)
    keyspace = RedisKeyspace(configuration, name: "ledger")
    lanes = BuiltInLanes(prefix: "tidemark", partitions: partitions)
  }

  /// Writes one message and returns its lane; nil if Redis did not acknowledge it, in which case it may or may not be stored.
  @discardableResult
  func write(session: String? = nil) async -> Key? {
    number += 1
    let session = session ?? "s\(number % 97)"
    let lane = lanes.names[lanes.partition(ofSession: session.utf8)]
    let content = "message \(number)"
    let command: [RedisArgument] = [
      "XADD", .text(lane), "*", "type", "message.appended", "session", .text(session), "role", "user", "content", .text(content),
    ]
    guard let id = try? await keyspace.pipeline([(lane, command)])[0].orThrow().text else { return nil }
    let key = Key(lane: lane, id: id)
    acknowledged[key] = content
    return key
  }

  /// Writes until the task is cancelled.
  func writeOn() async {
    while !Task.isCancelled { await write() }
  }

  /// Returns the acknowledged entries that Redis still has.
  func kept() async throws -> Set<Key> {
    var keys: Set<Key> = []
    for lane in lanes.names {
      let reply = try await keyspace.pipeline([(lane, ["XRANGE", .text(lane), "-", "+"])])[0].orThrow()
      for entry in reply.elements ?? [] {
        let key = Key(lane: lane, id: entry.elements?.first?.text ?? "")
        if acknowledged[key] != nil { keys.insert(key) }
      }
    }
    return keys
  }

  /// Waits until all of these entries are in Postgres, and checks that all stored entries are there once and with their content.
  func verify(_ wanted: Set<Key>, in product: Product, within limit: Duration = .seconds(120)) async throws {
    let sql = """
      select c.lane || ' ' || c.entry_ms || '-' || c.entry_no || ' ' || m.content
        from tidemark.changes c left join tidemark.messages m using (session_id, entry_ms, entry_no)
      """
    var missing = wanted
    try await waitUntil("\(wanted.count) acknowledged entries are in Postgres", within: limit) {
      guard let rows = try? await product.rows(sql) else { return false }
      missing = wanted.subtracting(rows.map { Self.key(of: $0) })
      return missing.isEmpty
    }
    let rows = try await product.rows(sql)
    #expect(Set(rows.map { Self.key(of: $0) }).count == rows.count, "an entry is there twice")
    for row in rows {
      guard let content = acknowledged[Self.key(of: row)] else { continue }
      #expect(row.hasSuffix(" \(content)"), "\(row) was written as \(content)")
    }
  }

  func close() async { await keyspace.close() }

  private static func key(of row: String) -> Key {
    let words = row.split(separator: " ", maxSplits: 2)
    return Key(lane: String(words[0]), id: String(words[1]))
  }
}
