/// The names of the partitions' lanes for a producer, and the assignment of sessions to them.
package struct BuiltInLanes: Sendable, Equatable {
  package let prefix: String
  package let partitions: Int

  package init(prefix: String, partitions: Int) {
    self.prefix = prefix
    self.partitions = partitions
  }

  package var keys: KeyNames { KeyNames(prefix: prefix) }

  package var names: [String] { (0..<partitions).map { keys.partition($0).changes } }

  /// Returns the partition to which a session's changes belong.
  package func partition(ofSession session: some Sequence<UInt8>) -> Int {
    Int(CRC16.xmodem(session)) % partitions
  }

  /// Returns the lane to which a session's changes belong.
  package func lane(ofSession session: some Sequence<UInt8>) -> String { keys.partition(partition(ofSession: session)).changes }
}
