internal import CHiredis
internal import NIOCore

/// Formats commands with hiredis. The two scratch buffers are reused, so a command costs only the allocation of hiredis' result.
struct CommandWriter {
  private var words: [UInt8] = []
  private var ends: [Int] = []

  mutating func append(_ argument: RedisArgument) {
    switch argument {
    case .text(let text): append(text)
    case .bytes(let bytes): words.append(contentsOf: bytes)
    case .integer(let value): append(String(value))
    }
    if case .bytes = argument { ends.append(words.count) }
  }

  mutating func append(_ text: String) {
    words.append(contentsOf: text.utf8)
    ends.append(words.count)
  }

  /// Writes the words since the last call as one command, and removes them.
  mutating func finish(into buffer: inout ByteBuffer) throws(RedisError) {
    defer {
      words.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
    var formatted: UnsafeMutablePointer<CChar>?
    let length = words.withUnsafeBytes { words in
      let base = words.assumingMemoryBound(to: CChar.self).baseAddress
      var pointers: [UnsafePointer<CChar>?] = []
      var lengths: [Int] = []
      pointers.reserveCapacity(ends.count)
      lengths.reserveCapacity(ends.count)
      var start = 0
      for end in ends {
        // An empty command has no base address; hiredis copies nothing for an empty word.
        pointers.append(base.map { $0 + start })
        lengths.append(end - start)
        start = end
      }
      return Int(redisFormatCommandArgv(&formatted, .init(pointers.count), &pointers, &lengths))
    }
    guard length >= 0, let formatted else { throw RedisError(.malformedReply, "hiredis has no memory for a command") }
    defer { redisFreeCommand(formatted) }
    buffer.writeBytes(UnsafeRawBufferPointer(start: formatted, count: length))
  }
}
