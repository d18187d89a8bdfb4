/// Finds the known name that a misspelt name was probably meant to be.
package enum NearestName {
  /// Returns the nearest of `known`, or nil where more than a third of the shorter name's letters (at least one) would have to change,
  /// because the names are then different words. The first of several equally near names is returned.
  package static func of(_ name: String, in known: some Sequence<String>) -> String? {
    var best: (name: String, distance: Int)?
    for candidate in known {
      let distance = distance(Array(name.utf8), Array(candidate.utf8))
      if distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    guard let best, best.distance <= max(1, min(name.count, best.name.count) / 3) else { return nil }
    return best.name
  }

  /// Returns the number of edits between two names; a swap of neighbours counts once (optimal string alignment).
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
