/// The lag of a lane's cursor behind its stream; nil where it is not known.
package struct LaneLag: Sendable, Equatable {
  package var entries: Int64?
  package var seconds: Double?

  package init(entries: Int64?, seconds: Double?) {
    self.entries = entries
    self.seconds = seconds
  }
}
