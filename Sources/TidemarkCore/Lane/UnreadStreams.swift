/// Streams below the installation's prefix that no lane reads, because a producer computes or spells their names wrong.
package enum UnreadStreams {
  /// Returns the streams that no lane reads.
  ///
  /// - Parameters:
  ///   - names: the streams below the prefix.
  ///   - isKnown: returns whether a stream that the catalog does not name is a lane in the ledger.
  /// - Returns: the streams, in the order of their names.
  package static func of(_ names: [String], _ lanes: LaneCatalog, isKnown: (String) -> Bool = { _ in false }) -> [String] {
    // Agents ask workers for something on these.
    let requests = Set((0..<(lanes.partitions ?? 0)).map { lanes.keys.partition($0).requests } + ["\(lanes.keys.prefix):requests"])
    return names.filter { lanes.profile(of: $0) == nil && !requests.contains($0) && !isKnown($0) }.sorted()
  }

  /// Returns the glob pattern that finds the streams below a prefix.
  package static func pattern(_ keys: KeyNames) -> String {
    keys.prefix.reduce(into: "") { pattern, letter in pattern += "*?[]\\".contains(letter) ? "\\\(letter)" : String(letter) } + ":*"
  }

  /// Returns a hint that says where the producer of a stream should write instead.
  package static func fix(_ name: String, _ lanes: LaneCatalog) -> String {
    guard let partitions = lanes.partitions else {
      return "set state.enabled, or name the stream in an item of lanes"
    }
    let names = "\(lanes.keys.prefix):{N}:changes with N from 0 to \(partitions - 1)"
    return "correct its producer: the lanes are \(names), where N is the CRC16 of the session modulo \(partitions)"
  }
}
