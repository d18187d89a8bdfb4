extension Array {
  /// The pairs of a list in which names and values alternate. A last name without a value is left out.
  package var alternatingPairs: [(name: Element, value: Element)] {
    stride(from: 0, to: count - 1, by: 2).map { (self[$0], self[$0 + 1]) }
  }
}
