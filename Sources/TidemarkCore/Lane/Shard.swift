/// Streams are leased in groups, so that thousands of them lease as cheaply as a few.
package enum Shard {
  /// Rows of the table `leases`.
  package static let count = 64

  /// The shard of a lane: built-in lanes in turn, any other by its name.
  package static func of(_ lane: String, builtIn: BuiltInLanes?) -> Int {
    (builtIn?.partition(of: lane) ?? Int(CRC16.xmodem(lane.utf8))) % count
  }
}
