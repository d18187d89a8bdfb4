/// Streams below the installation's prefix that no lane reads: a producer's arithmetic, or its spelling, is wrong.
package enum UnreadStreams {
  /// - Parameters:
  ///   - names: the streams below the prefix.
  ///   - covers: whether a lane that is not built in reads a stream.
  /// - Returns: the others, in the order of their names.
  package static func of(_ names: [String], _ builtIn: BuiltInLanes, covers: (String) -> Bool) -> [String] {
    names.filter { builtIn.partition(of: $0) == nil && $0 != "\(builtIn.prefix):requests" && !isRequests($0, builtIn) && !covers($0) }
      .sorted()
  }

  /// The glob pattern that finds the streams below a prefix.
  package static func pattern(_ prefix: String) -> String {
    prefix.reduce(into: "") { pattern, letter in pattern += "*?[]\\".contains(letter) ? "\\\(letter)" : String(letter) } + ":*"
  }

  /// Where the producer of a stream should write instead.
  package static func fix(_ name: String, _ builtIn: BuiltInLanes) -> String {
    let lanes = "\(builtIn.prefix):{N}:changes with N from 0 to \(builtIn.partitions - 1)"
    return "the lanes are \(lanes): correct its producer, which takes the CRC16 of the session modulo \(builtIn.partitions)"
  }

  private static func isRequests(_ name: String, _ builtIn: BuiltInLanes) -> Bool {
    guard name.hasSuffix(":requests") else { return false }
    return builtIn.partition(of: name.dropLast("requests".count) + "changes") != nil
  }
}
