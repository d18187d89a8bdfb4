extension GlobPattern {
  package func matches(_ name: String) -> Bool { overlaps(GlobPattern(literal: name)) }

  /// Returns whether some name matches both patterns.
  ///
  /// Both patterns are walked at once from their ends: `matches[j]` says whether the remaining part of this pattern and the remaining part
  /// of the other, from its token `j` on, have a name in common. The time is the product of the lengths; the memory is one row.
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
          // The run ends here, or consumes the one byte that the other pattern wants, if any byte fits it.
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
