/// A partition, one of those over which sessions are spread.
package struct SessionPartition: Sendable, Hashable {
  package let number: Int
  /// The number of partitions.
  package let count: Int

  package init(number: Int, count: Int) {
    self.number = number
    self.count = count
  }

  /// Returns whether a session belongs to the partition.
  ///
  /// - Parameter checksum: CRC16-XMODEM over the bytes of the session's id.
  package func holds(sessionOf checksum: UInt16) -> Bool { Int(checksum) % count == number }
}
