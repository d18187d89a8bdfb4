package import TidemarkConfiguration
internal import TidemarkCore
package import TidemarkPostgres

/// Lists and changes settings of running workers; the command `tune` and `/api/tune` share it.
package struct Tuner: Sendable {
  /// The entries of the history that a listing has.
  package static let shownHistory = 100
  /// The entries of the history in which an undo finds the change to take back.
  private static let undoHistory = 10_000
  /// The attempts while others change settings, too.
  private static let attempts = 5

  let store: TuningStore
  let read: @Sendable () -> LoadedConfiguration

  /// - Parameter read: returns what file, environment and flags say.
  package init(store: TuningStore, read: @escaping @Sendable () -> LoadedConfiguration) {
    self.store = store
    self.read = read
  }

  /// Throws ``SinkError``.
  package func listing(history limit: Int) async throws -> TuneListing {
    TuneListing(
      SettingsInForce(read(), rows: try await store.tuning()), history: limit == 0 ? [] : try await store.history(limit))
  }

  /// Checks an order and writes it, all of it or nothing. Workers apply it within a second.
  ///
  /// - Throws: ``TuneRefusal`` if nothing was changed because of the order, and ``SinkError``.
  package func perform(_ order: TuneOrder) async throws -> TuneChange {
    for _ in 0..<Self.attempts {
      // First, so that a change that comes after it is found when this one is written.
      let seen = try await store.latest()
      let before = SettingsInForce(read(), rows: try await store.tuning())
      let history = order.action == .undo ? try await store.history(Self.undoHistory) : []
      let (wishes, undoes) = try order.wishes(before.rows, history)
      do {
        try before.check(wishes)
      } catch {
        throw TuneRefusal(error)
      }
      guard let change = try await store.change(wishes, by: order.by, why: order.why, undoing: undoes, after: seen) else { continue }
      return TuneChange(change: change, undoes: undoes, settings: wishes.map { TuneChange.Setting($0, before: before) })
    }
    throw TuneRefusal(.overtaken, "tune: others change settings at this moment, and nothing was changed; try again")
  }
}
