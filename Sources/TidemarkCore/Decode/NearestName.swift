/// The known name that a misspelt one was probably meant to be.
package enum NearestName {
  /// The nearest of `known` within a third of the name's length, at least 1 and at most 3 edits. Nil when none is near.
  package static func of(_ name: String, in known: some Sequence<String>) -> String? {
    let allowed = min(3, max(1, name.count / 3))
    return known.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
      .filter { $0.1 <= allowed }
      .min { $0.1 < $1.1 }?.0
  }

  /// Edits between two names; a swap of neighbours counts once (optimal string alignment).
  package static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var row = [i + 1]
      for (j, b) in right.enumerated() {
        var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a == b ? 0 : 1))
        if i > 0, j > 0, a == right[j - 1], left[i - 1] == b { best = min(best, beforeLast[j - 1] + 1) }
        row.append(best)
      }
      beforeLast = last
      last = row
    }
    return last[right.count]
  }
}
