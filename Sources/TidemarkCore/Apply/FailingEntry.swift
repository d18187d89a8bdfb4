/// The entry that made a batch fail, where Postgres named it.
package struct FailingEntry: Sendable, Equatable {
  /// The index of the entry in the batch.
  package var entry: Int
  package var rejection: Rejection
  /// The share of its table's rows that Postgres had processed, 0...1. A failing entry that is found early suggests that there are many.
  package var progress: Double

  package init(entry: Int, rejection: Rejection, progress: Double) {
    self.entry = entry
    self.rejection = rejection
    self.progress = progress
  }
}
