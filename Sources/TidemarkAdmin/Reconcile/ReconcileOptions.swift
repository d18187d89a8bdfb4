/// What a comparison on demand reads and writes, whether it compares the logs of lanes or the state of sessions.
package struct ReconcileOptions: Sendable {
  /// Only entries, changes and state of this session; nil: all.
  package var session: String?
  /// Whether the differences that can be repaired are repaired.
  package var repairs = false
  /// Whether nothing is written.
  package var isDry = false

  package init(session: String? = nil, repairs: Bool = false, isDry: Bool = false) {
    self.session = session
    self.repairs = repairs
    self.isDry = isDry
  }
}
