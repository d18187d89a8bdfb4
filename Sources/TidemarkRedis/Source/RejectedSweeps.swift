internal import Synchronization
package import TidemarkCore

/// How far the hashes of rejected entries have been looked through: the cursor of HSCAN for each built-in lane.
final class RejectedSweeps: Sendable {
  private let cursors = Mutex<[String: String]>([:])

  subscript(base: String) -> String {
    get { cursors.withLock { $0[base] ?? "0" } }
    set { cursors.withLock { $0[base] = newValue == "0" ? nil : newValue } }
  }
}

extension RedisLaneSource {
  /// A hash is passed in so many calls, or in more where it is very large: a command must not stop the server.
  private static let sweepCalls = 64
  private static let sweepFields = 512...10_000

  /// The hash of a lane's rejected entries.
  private struct RejectedHash: Sendable {
    var base: String
    var below: EntryID
    var count = 0
    var key: RedisArgument { .text("\(base):rejected") }
  }

  package func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws {
    let hashes = cuts.compactMap { cut in
      DurableScript.builtInBase(of: cut.lane, prefix: prefix).map { RejectedHash(base: $0, below: cut.below) }
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
        return ["HSCAN", hash.key, .text(rejectedSweeps[hash.base]), "COUNT", .integer(Int64(fields))]
      }
      let pages = try await connection.pipeline(scans)
      var removals: [[RedisArgument]] = []
      for (hash, page) in zip(filled, pages) {
        guard let page = try page.orThrow().elements, page.count == 2, let next = page[0].text, let fields = page[1].elements else {
          throw RedisError(.malformedReply, "HSCAN answered something else than a cursor and fields")
        }
        rejectedSweeps[hash.base] = next
        let gone = stride(from: 0, to: fields.count, by: 2).compactMap { fields[$0].text }.filter { text in
          EntryID(text).map { $0 < hash.below } ?? false
        }
        if !gone.isEmpty { removals.append(["HDEL", hash.key] + gone.map { .text($0) }) }
      }
      for reply in try await connection.pipeline(removals) { _ = try reply.orThrow() }
    }
  }
}

/// What agents are told of entries that were rejected, for those that administrate it.
package enum RejectedEntries {
  /// Tells agents no more that these entries were rejected. Of lanes that are not built in they are told nothing anyway.
  ///
  /// - Throws: ``RedisError``.
  package static func forget(_ entries: [(lane: String, id: EntryID)], prefix: String, in keyspace: RedisKeyspace) async throws {
    let commands = entries.compactMap { entry in
      DurableScript.builtInBase(of: entry.lane, prefix: prefix).map { base -> (key: String, command: [RedisArgument]) in
        ("\(base):rejected", ["HDEL", .text("\(base):rejected"), .text(entry.id.description)])
      }
    }
    guard !commands.isEmpty else { return }
    for reply in try await keyspace.pipeline(commands) { _ = try reply.orThrow() }
  }
}
