/// What becomes of escapes in JSON that jsonb can't hold, and whether a value had any: `\u0000` and lone surrogates.
package struct UnstorableEscapes: Sendable {
  /// `text.unstorable: replace`: each becomes U+FFFD. Else the value is refused.
  let areReplaced: Bool
  private(set) var wereFound = false

  package init(areReplaced: Bool) {
    self.areReplaced = areReplaced
  }

  /// Notes one. False where it may not be.
  mutating func accept() -> Bool {
    if areReplaced { wereFound = true }
    return areReplaced
  }
}
