package import TidemarkCore
package import TidemarkEngine

/// Writes a change of a session on behalf of an operator, in the way in which the session is written: through the function library, or by
/// XADD. A change of the other kind would part what is in Redis from what is in Postgres.
package struct SessionWriter: Sendable {
  private let store: any HotStore
  private let restorer: SessionRestorer

  package init(store: any HotStore, restorer: SessionRestorer) {
    self.store = store
    self.restorer = restorer
  }

  /// Returns the id of the change's entry. A session that the function library writes and that is not in Redis is restored first.
  ///
  /// - Parameter isNumbered: whether the function library writes the session.
  /// - Throws: ``HotRefusal``, ``SourceError``, ``SinkError``.
  package func write(_ change: SessionChange, to session: String, isNumbered: Bool) async throws -> EntryID {
    guard isNumbered else { return try await store.add(change, to: session) }
    do {
      return try await store.append([change], to: session, expecting: nil)
    } catch HotRefusal.cold {
      _ = try await restorer.restore([session])
      return try await store.append([change], to: session, expecting: nil)
    }
  }
}
