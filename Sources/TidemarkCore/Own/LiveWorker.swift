/// A worker that has renewed within the time to live.
package struct LiveWorker: Sendable, Equatable {
  package var name: String
  /// Whether the worker can serve lanes: it is not draining, and its Redis answers.
  package var canServe: Bool

  package init(name: String, canServe: Bool) {
    self.name = name
    self.canServe = canServe
  }
}
