/// Groups of streams that are leased together, so that thousands of streams lease as cheaply as a few.
package enum Shard {
  /// The number of rows of the table `leases`.
  package static let count = 64

  /// Returns the shard of a lane: built-in lanes in turn, any other lane by its name.
  package static func of(_ lane: String, builtIn: BuiltInLanes?) -> Int {
    (builtIn?.partition(of: lane) ?? Int(CRC16.xmodem(lane.utf8))) % count
  }
}
