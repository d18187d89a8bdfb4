/// What becomes of sessions that were forgotten.
extension Configuration {
  package struct Forget: Equatable, Sendable {
    /// Whether their later changes become dead letters.
    package var isRefusing = true
  }
}
