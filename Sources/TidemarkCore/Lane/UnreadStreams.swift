/// Streams below the installation's prefix that no lane reads, because a producer computes or spells their names wrong.
package enum UnreadStreams {
  /// Returns the streams that no lane reads.
  ///
  /// - Parameters:
  ///   - names: the streams below the prefix.
  ///   - covers: returns whether a lane that is not built in reads a stream.
  /// - Returns: the streams, in the order of their names.
  package static func of(_ names: [String], _ builtIn: BuiltInLanes, covers: (String) -> Bool) -> [String] {
    names.filter { builtIn.partition(of: $0) == nil && $0 != "\(builtIn.prefix):requests" && !isRequests($0, builtIn) && !covers($0) }
      .sorted()
  }

  /// Returns the glob pattern that finds the streams below a prefix.
  package static func pattern(_ prefix: String) -> String {
    prefix.reduce(into: "") { pattern, letter in pattern += "*?[]\\".contains(letter) ? "\\\(letter)" : String(letter) } + ":*"
  }

  /// Returns a hint that says where the producer of a stream should write instead.
  package static func fix(_ name: String, _ builtIn: BuiltInLanes) -> String {
    let lanes = "\(builtIn.prefix):{N}:changes with N from 0 to \(builtIn.partitions - 1)"
    return "correct its producer: the lanes are \(lanes), where N is the CRC16 of the session modulo \(builtIn.partitions)"
  }

  private static func isRequests(_ name: String, _ builtIn: BuiltInLanes) -> Bool {
    guard name.hasSuffix(":requests") else { return false }
    return builtIn.partition(of: name.dropLast("requests".count) + "changes") != nil
  }
}
