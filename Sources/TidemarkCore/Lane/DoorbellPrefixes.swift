/// The prefixes of names that a doorbell rings for.
///
/// Redis compares every written key with every prefix, so there are few; and it refuses those of which one begins with another.
package enum DoorbellPrefixes {
  static let limit = 32

  /// Prefixes that cover all names which match one of the glob patterns. A name without special characters is its own.
  package static func covering(_ patterns: [String]) -> [String] {
    var prefixes: [[UInt8]] = []
    for prefix in Set(patterns.map { Array($0.utf8.prefix { !special.contains($0) }) }).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      // In order, whatever begins with another one follows it.
      if let last = prefixes.last, prefix.starts(with: last) { continue }
      prefixes.append(prefix)
    }
    while prefixes.count > limit { merge(&prefixes) }
    return prefixes.map { String(decoding: $0, as: UTF8.self) }
  }

  private static let special = Set("*?[\\".utf8)

  /// Puts those two together that have the most in common. In order, they stand side by side.
  private static func merge(_ prefixes: inout [[UInt8]]) {
    let common = zip(prefixes, prefixes.dropFirst()).map { commonPrefix($0, $1) }
    guard let best = common.indices.max(by: { common[$0].count < common[$1].count }) else { return }
    prefixes[best] = common[best]
    prefixes.remove(at: best + 1)
    // What else begins with it stands beside it.
    prefixes.removeAll { $0 != common[best] && $0.starts(with: common[best]) }
  }

  private static func commonPrefix(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
    let count = zip(one, other).prefix { $0 == $1 }.count
    var common = Array(one.prefix(count))
    // A character stays whole.
    while !common.isEmpty, String(validating: common, as: UTF8.self) == nil { common.removeLast() }
    return common
  }
}
