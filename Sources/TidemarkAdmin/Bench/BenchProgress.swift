internal import Synchronization

/// Shows the progress of a benchmark to a person: `3 of 12, mix: writing 40 %`.
final class BenchProgress: Sendable {
  private let count: Int
  private let show: @Sendable (String) -> Void
  private let step = Mutex((number: 0, name: ""))

  /// - Parameter count: the total number of steps.
  init(_ count: Int, show: @escaping @Sendable (String) -> Void) {
    self.count = count
    self.show = show
  }

  func begin(_ name: String) {
    step.withLock { $0 = ($0.number + 1, name) }
    say("")
  }

  func say(_ what: String) {
    let (number, name) = step.withLock { $0 }
    show("\(number) of \(count), \(name)\(what.isEmpty ? "" : ": \(what)")")
  }

  func end(_ what: String) { show(what) }
}
