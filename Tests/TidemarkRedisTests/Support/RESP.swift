/// Writes replies as Redis does, for tests without a server.
enum RESP {
  static func bulk(_ bytes: [UInt8]) -> [UInt8] { Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10] }
  static func bulk(_ text: String) -> [UInt8] { bulk(Array(text.utf8)) }
  static func array(_ elements: [[UInt8]]) -> [UInt8] { Array("*\(elements.count)\r\n".utf8) + elements.flatMap { $0 } }
  static func line(_ text: String) -> [UInt8] { Array("\(text)\r\n".utf8) }

  static func entry(_ id: String, _ fields: [(String, [UInt8])]) -> [UInt8] {
    array([bulk(id), array(fields.flatMap { [bulk($0.0), bulk($0.1)] })])
  }

  static func streams(_ streams: [(String, [[UInt8]])]) -> [UInt8] {
    array(streams.map { array([bulk($0.0), array($0.1)]) })
  }
}

extension [UInt8] {
  /// Returns the bytes in chunks of random length, at least 1.
  func chunks(upTo longest: Int, using generator: inout some RandomNumberGenerator) -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    var start = 0
    while start < count {
      let end = Swift.min(count, start + Int.random(in: 1...longest, using: &generator))
      chunks.append(Array(self[start..<end]))
      start = end
    }
    return chunks
  }
}
