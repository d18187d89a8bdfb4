/// How far a lane's cursor is behind its stream; what is not known is nil.
package struct LaneLag: Sendable, Equatable {
  package var entries: Int64?
  package var seconds: Double?

  package init(entries: Int64?, seconds: Double?) {
    self.entries = entries
    self.seconds = seconds
  }
}
