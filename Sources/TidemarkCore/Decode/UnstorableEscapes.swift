/// Decides what happens to escapes in JSON that jsonb can't hold, `\u0000` and lone surrogates, and records whether a value had any.
package struct UnstorableEscapes: Sendable {
  /// Whether `text.unstorable` is `replace`, so that each escape becomes U+FFFD. Otherwise the value is refused.
  let areReplaced: Bool
  private(set) var wereFound = false

  package init(areReplaced: Bool) {
    self.areReplaced = areReplaced
  }

  /// Records an escape. Returns false where the value must be refused.
  mutating func accept() -> Bool {
    if areReplaced { wereFound = true }
    return areReplaced
  }
}
