/// Decides what `tune --undo` takes back: the last change that was not taken back yet. A change that took another one back is passed over,
/// so that each further undo goes one step further into the past.
package struct TuningUndo: Sendable, Equatable {
  /// The number of the change to take back.
  package let change: Int64
  /// The values that its settings had before.
  package let wishes: [TuningWish]

  /// Returns nil if there is nothing to take back.
  ///
  /// - Parameter history: in any order.
  package init?(_ history: [TuningEntry]) {
    let undone = Set(history.compactMap(\.undoes))
    let candidates = history.filter { $0.undoes == nil && !undone.contains($0.change) }
    guard let last = candidates.map(\.change).max() else { return nil }
    change = last
    wishes = candidates.filter { $0.change == last }.map { TuningWish(place: $0.place, value: $0.from) }
  }
}
