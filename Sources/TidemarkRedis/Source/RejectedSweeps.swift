internal import Synchronization
package import TidemarkCore

/// The progress of the sweep over the hashes of rejected entries: the cursor of HSCAN for each hash.
final class RejectedSweeps: Sendable {
  private let cursors = Mutex<[String: String]>([:])

  subscript(key: String) -> String {
    get { cursors.withLock { $0[key] ?? "0" } }
    set { cursors.withLock { $0[key] = newValue == "0" ? nil : newValue } }
  }
}

extension RedisLaneSource {
  /// The number of calls in which a hash is swept; a very large hash takes more, because one command must not block the server for long.
  private static let sweepCalls = 64
  private static let sweepFields = 512...10_000

  /// The hash of a lane's rejected entries.
  private struct RejectedHash: Sendable {
    var keys: PartitionKeys
    var below: EntryID
    var count = 0
    var name: String { keys.rejected }
    var key: RedisArgument { .text(name) }
  }

  package func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws {
    let hashes = cuts.compactMap { cut in
      lanes.markPlace(of: cut.lane).keys.map { RejectedHash(keys: $0, below: cut.below) }
    }
    guard !hashes.isEmpty else { return }
    try await onCommands { [rejectedSweeps] connection in
      let sizes = try await connection.pipeline(hashes.map { ["HLEN", $0.key] })
      var filled: [RejectedHash] = []
      for (hash, size) in zip(hashes, sizes) {
        var hash = hash
        hash.count = Int(try size.orThrow().number ?? 0)
        if hash.count > 0 { filled.append(hash) }
      }
      let scans: [[RedisArgument]] = filled.map { hash in
        let fields = min(max(hash.count / Self.sweepCalls, Self.sweepFields.lowerBound), Self.sweepFields.upperBound)
        return ["HSCAN", hash.key, .text(rejectedSweeps[hash.name]), "COUNT", .integer(Int64(fields))]
      }
      let pages = try await connection.pipeline(scans)
      var removals: [[RedisArgument]] = []
      for (hash, page) in zip(filled, pages) {
        guard let page = try page.orThrow().elements, page.count == 2, let next = page[0].text, let fields = page[1].elements else {
          throw RedisError(.malformedReply, "the reply to HSCAN is not a cursor and fields")
        }
        rejectedSweeps[hash.name] = next
        let gone = stride(from: 0, to: fields.count, by: 2).compactMap { fields[$0].text }.filter { text in
          EntryID(text).map { $0 < hash.below } ?? false
        }
        if !gone.isEmpty { removals += RejectedEntries.removals(of: gone, hash.keys) }
      }
      for reply in try await connection.pipeline(removals) { _ = try reply.orThrow() }
    }
  }
}

/// The hashes that publish rejected entries to agents, for administration.
package enum RejectedEntries {
  /// Removes these entries from the published rejections. Rejections of lanes without a hash of their own are never published.
  ///
  /// - Throws: ``RedisError``.
  package static func forget(_ entries: [(lane: String, id: EntryID)], of catalog: LaneCatalog, in keyspace: RedisKeyspace) async throws {
    let commands = entries.flatMap { entry -> [(key: String, command: [RedisArgument])] in
      guard let keys = catalog.markPlace(of: entry.lane).keys else { return [] }
      return removals(of: [entry.id.description], keys).map { (keys.rejected, $0) }
    }
    guard !commands.isEmpty else { return }
    for reply in try await keyspace.pipeline(commands) { _ = try reply.orThrow() }
  }

  /// Returns the commands that remove entries from the hash of the lane, which the function library reads, and then from their own hash. An
  /// entry that only the first command removed is found again by the next sweep.
  static func removals(of entries: [String], _ keys: PartitionKeys) -> [[RedisArgument]] {
    [
      ["HDEL", .text(keys.marks)] + entries.map { .text("rejected:\($0)") },
      ["HDEL", .text(keys.rejected)] + entries.map { .text($0) },
    ]
  }
}
