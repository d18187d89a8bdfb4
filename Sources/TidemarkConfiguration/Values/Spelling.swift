/// Finds what a person probably meant.
enum Spelling {
  /// The candidate nearest to `word`, unless even that one is too far off to be a misspelling. Ties go to the first.
  static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let distance = distance(word, candidate)
      if distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    // A third of the letters wrong is still a typing error, more is another word.
    guard let best, best.distance <= max(1, min(word.count, best.candidate.count) / 3) else { return nil }
    return best.candidate
  }

  /// Edits between two words: insert, delete, replace, swap of neighbours, each 1 (optimal string alignment).
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var older: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
      var next = [row + 1]
      for column in 0..<right.count {
        var best = min(last[column + 1], next[column]) + 1
        best = min(best, last[column] + (left[row] == right[column] ? 0 : 1))
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, older[column - 1] + 1)
        }
        next.append(best)
      }
      older = last
      last = next
    }
    return last[right.count]
  }
}
