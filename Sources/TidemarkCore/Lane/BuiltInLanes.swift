/// The names of the built-in lanes, and the assignment of sessions to them.
package struct BuiltInLanes: Sendable, Equatable {
  package let prefix: String
  package let partitions: Int

  package init(prefix: String, partitions: Int) {
    self.prefix = prefix
    self.partitions = partitions
  }

  package var names: [String] { (0..<partitions).map { "\(prefix):{\($0)}:changes" } }

  /// Returns the number of a built-in lane, or nil for any other name.
  package func partition(of lane: String) -> Int? {
    let (start, end) = ("\(prefix):{", "}:changes")
    guard lane.hasPrefix(start), lane.hasSuffix(end), let number = Int(lane.dropFirst(start.count).dropLast(end.count)),
      (0..<partitions).contains(number), lane == "\(start)\(number)\(end)"
    else { return nil }
    return number
  }

  /// Returns the partition to which a session's changes belong.
  package func partition(ofSession session: some Sequence<UInt8>) -> Int {
    Int(CRC16.xmodem(session)) % partitions
  }
}
