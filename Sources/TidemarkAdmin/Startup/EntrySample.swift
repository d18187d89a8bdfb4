package import TidemarkCore
package import TidemarkRedis

/// Decodes the last entries of each lane and reports their outcomes. Writes nothing.
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

  /// Returns the warning about an unknown type. Entries of unknown types are kept whole, which may be intended.
  static func unknown(_ type: String, _ count: Int, _ lane: String) -> Finding {
    let text = "\(count) of them \(count == 1 ? "has" : "have") the type \(type), which is kept whole and changes no state"
    guard let nearest = UnknownTypes.nearest(to: type) else { return Finding(.ok, lane, text) }
    return Finding(.warning, lane, text, hint: "if \(nearest) is meant, correct its producer")
  }

  private func decode(_ entries: [RedisReply], _ lane: String) -> [Finding] {
    var decoder = EntryDecoder(catalog: routes.catalog, limits: limits)
    var decoded = DecodedEntry()
    var findings: [Finding] = []
    var applied = 0
    var types: [String: Int] = [:]
    for entry in entries.reversed() {
      guard let parts = entry.elements, parts.count == 2, let id = parts[0].text.flatMap({ EntryID($0) }) else { continue }
      let raw = (parts[1].elements ?? []).map { part -> [UInt8] in if case .bulk(let bytes) = part { bytes } else { [] } }
      let block = EntryBlock(id: id, raw: raw)
      do {
        try decoder.decode(block.entries[0], of: block, into: &decoded)
        applied += 1
        if decoded.type == nil { types[String(decoding: block.bytes[decoded.typeName], as: UTF8.self), default: 0] += 1 }
      } catch {
        findings.append(
          Finding(
            .warning, lane, "entry \(id) would be a dead letter, \(error.reason.rawValue): \(error.detail)", hint: "correct its producer"))
      }
    }
    guard !entries.isEmpty else { return [] }
    let unknown = types.sorted { $0.key < $1.key }.map { Self.unknown($0.key, $0.value, lane) }
    return [Finding(.ok, lane, "of the last \(entries.count) entries \(applied) would be applied")] + unknown + findings
  }
}
