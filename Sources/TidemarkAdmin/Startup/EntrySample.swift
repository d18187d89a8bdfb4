package import TidemarkCore
package import TidemarkRedis

/// Decodes the last entries of each lane and says what would become of them. Writes nothing.
package struct EntrySample: Sendable {
  private let redis: RedisConfiguration
  private let lanes: [String]
  private let routes: RouteTable
  private let limits: EntryDecoder.Limits

  package init(redis: RedisConfiguration, lanes: [String], routes: RouteTable, limits: EntryDecoder.Limits) {
    self.redis = redis
    self.lanes = lanes
    self.routes = routes
    self.limits = limits
  }

  package func findings(last count: Int) async throws -> [Finding] {
    do {
      let keyspace = RedisKeyspace(redis, name: "tidemark-check")
      defer { Task { await keyspace.close() } }
      var findings: [Finding] = []
      for lane in lanes {
        let command: [RedisArgument] = ["XREVRANGE", .text(lane), "+", "-", "COUNT", .integer(Int64(count))]
        let reply = try await keyspace.pipeline([(lane, command)])[0].orThrow()
        findings += decode(reply.elements ?? [], lane)
      }
      return findings
    } catch let error as RedisError {
      return [RedisCheck.finding(error, redis)]
    }
  }

  private func decode(_ entries: [RedisReply], _ lane: String) -> [Finding] {
    var decoder = EntryDecoder(catalog: routes.catalog, limits: limits)
    var decoded = DecodedEntry()
    var findings: [Finding] = []
    var applied = 0
    for entry in entries.reversed() {
      guard let parts = entry.elements, parts.count == 2, let id = parts[0].text.flatMap({ EntryID($0) }) else { continue }
      let raw = (parts[1].elements ?? []).map { part -> [UInt8] in if case .bulk(let bytes) = part { bytes } else { [] } }
      let block = EntryBlock(id: id, raw: raw)
      do {
        try decoder.decode(block.entries[0], of: block, into: &decoded)
        applied += 1
      } catch {
        findings.append(
          Finding(
            .warning, lane, "entry \(id) would be a dead letter, \(error.reason.rawValue): \(error.detail)", mend: "mend its producer"))
      }
    }
    guard !entries.isEmpty else { return [] }
    return [Finding(.ok, lane, "of the last \(entries.count) entries \(applied) would be applied")] + findings
  }
}
