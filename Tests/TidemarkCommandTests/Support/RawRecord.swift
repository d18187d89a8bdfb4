import TidemarkRedis

/// An entry of arbitrary bytes: names and values in turn.
struct RawRecord: Sendable {
  var name: String
  var parts: [[UInt8]]

  init(_ name: String, _ fields: KeyValuePairs<String, String>) {
    self.name = name
    parts = fields.flatMap { [Array($0.key.utf8), Array($0.value.utf8)] }
  }

  func with(_ field: String, _ value: [UInt8]) -> RawRecord {
    var record = self
    record.parts += [Array(field.utf8), value]
    return record
  }

  var hex: String { parts.map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }.joined(separator: ",") }
}

extension Product {
  /// Writes records in this order and returns their ids.
  @discardableResult
  func add(_ records: [RawRecord], to lane: String = Product.lane) async throws -> [String] {
    let connection = try await RedisConnection.connect(try RedisConfiguration(url: redis.url), name: "test")
    var ids: [String] = []
    for record in records {
      let reply = try await connection.send(["XADD", .text(lane), "*"] + record.parts.map { .bytes($0) }).orThrow()
      ids.append(reply.text ?? "")
    }
    await connection.close()
    return ids
  }
}
