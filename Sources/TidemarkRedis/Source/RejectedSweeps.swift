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
    var name: String
    var below: EntryID
    var count = 0
    var key: RedisArgument { .text(name) }
  }

  package func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws {
    let hashes = cuts.compactMap { cut in
      lanes.markPlace(of: cut.lane).keys.map { RejectedHash(name: $0.rejected, below: cut.below) }
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
        if !gone.isEmpty { removals.append(["HDEL", hash.key] + gone.map { .text($0) }) }
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
    let commands = entries.compactMap { entry in
      catalog.markPlace(of: entry.lane).keys.map { keys -> (key: String, command: [RedisArgument]) in
        (keys.rejected, ["HDEL", .text(keys.rejected), .text(entry.id.description)])
      }
    }
    guard !commands.isEmpty else { return }
    for reply in try await keyspace.pipeline(commands) { _ = try reply.orThrow() }
  }
}
