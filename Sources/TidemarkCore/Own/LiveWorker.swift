/// A worker that Postgres has heard of within the time to live.
package struct LiveWorker: Sendable, Equatable {
  package var name: String
  /// Whether it can serve lanes: it is not draining, and its Redis answers.
  package var canServe: Bool

  package init(name: String, canServe: Bool) {
    self.name = name
    self.canServe = canServe
  }
}
