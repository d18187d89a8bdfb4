/// Groups of streams that are leased together, so that thousands of streams lease as cheaply as a few.
package enum Shard {
  /// The number of rows of the table `leases`.
  package static let count = 64

  /// Returns the shard of a stream by its name. A lane whose profile has another shard belongs to that one.
  package static func of(_ stream: String) -> Int { Int(CRC16.xmodem(stream.utf8)) % count }
}
