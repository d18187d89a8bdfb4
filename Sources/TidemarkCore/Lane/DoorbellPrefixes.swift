/// The prefixes of key names for which the doorbell notifies.
///
/// Redis compares every written key with every prefix, so there must be few of them; and Redis refuses prefixes of which one begins with
/// another.
package enum DoorbellPrefixes {
  static let limit = 32

  /// Returns prefixes that cover all names which match one of the glob patterns. A name without special characters is its own prefix.
  package static func covering(_ patterns: [String]) -> [String] {
    var prefixes: [[UInt8]] = []
    for prefix in Set(patterns.map { Array($0.utf8.prefix { !special.contains($0) }) }).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      // In sorted order, the prefixes that begin with another one follow it.
      if let last = prefixes.last, prefix.starts(with: last) { continue }
      prefixes.append(prefix)
    }
    while prefixes.count > limit { merge(&prefixes) }
    return prefixes.map { String(decoding: $0, as: UTF8.self) }
  }

  private static let special = Set("*?[\\".utf8)

  /// Merges the two prefixes that have the longest common prefix. In sorted order they are neighbours.
  private static func merge(_ prefixes: inout [[UInt8]]) {
    let common = zip(prefixes, prefixes.dropFirst()).map { commonPrefix($0, $1) }
    guard let best = common.indices.max(by: { common[$0].count < common[$1].count }) else { return }
    prefixes[best] = common[best]
    prefixes.remove(at: best + 1)
    // The other prefixes that begin with the merged one are its neighbours.
    prefixes.removeAll { $0 != common[best] && $0.starts(with: common[best]) }
  }

  private static func commonPrefix(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
    let count = zip(one, other).prefix { $0 == $1 }.count
    var common = Array(one.prefix(count))
    // A character must not be cut.
    while !common.isEmpty, String(validating: common, as: UTF8.self) == nil { common.removeLast() }
    return common
  }
}
