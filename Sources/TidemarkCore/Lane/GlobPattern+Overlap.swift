extension GlobPattern {
  package func matches(_ name: String) -> Bool { overlaps(GlobPattern(literal: name)) }

  /// Whether some name matches both patterns.
  ///
  /// Both are walked at once from their ends: `matches[j]` says whether the rest of this pattern and the rest of the other,
  /// from its token `j` on, have a name in common. Time is the product of the lengths, memory one row.
  package func overlaps(_ other: GlobPattern) -> Bool {
    let count = other.tokens.count
    var below = [Bool](repeating: false, count: count + 1)
    for own in (0...tokens.count).reversed() {
      var row = [Bool](repeating: false, count: count + 1)
      for theirs in (0...count).reversed() {
        let left = own < tokens.count ? tokens[own] : nil
        let right = theirs < count ? other.tokens[theirs] : nil
        row[theirs] =
          switch (left, right) {
          case (nil, nil): true
          case (.run, .run): below[theirs] || row[theirs + 1]
          // A run ends here, or swallows the one byte that the other wants, if any byte fits that.
          case (.run, nil): below[theirs]
          case (.run, .one(let set)): below[theirs] || (!set.isEmpty && row[theirs + 1])
          case (nil, .run): row[theirs + 1]
          case (.one(let set), .run): row[theirs + 1] || (!set.isEmpty && below[theirs])
          case (.one(let one), .one(let another)): one.overlaps(another) && below[theirs + 1]
          case (nil, .one), (.one, nil): false
          }
      }
      below = row
    }
    return below[0]
  }
}
