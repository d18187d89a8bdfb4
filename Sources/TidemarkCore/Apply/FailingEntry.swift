/// The entry that made a batch fail, where Postgres named it.
package struct FailingEntry: Sendable, Equatable {
  /// Index into the batch's entries.
  package var entry: Int
  package var rejection: Rejection
  /// Which part of its table's rows Postgres had looked at, 0...1: a failingEntry found early announces many.
  package var progress: Double

  package init(entry: Int, rejection: Rejection, progress: Double) {
    self.entry = entry
    self.rejection = rejection
    self.progress = progress
  }
}
