package import TidemarkCore
package import TidemarkEngine

/// Writes a change of a session on behalf of an operator, in the way in which the session is written: through the function library, or by
/// XADD. A change of the other kind would part what is in Redis from what is in Postgres.
package struct SessionWriter {
  private let store: any HotStore
  private let restorer: SessionRestorer
  private let waitForCommits: (String) async throws -> Void

  /// - Parameter waitForCommits: waits until the ledger has what Redis still holds of a session.
  package init(store: any HotStore, restorer: SessionRestorer, waitForCommits: @escaping (String) async throws -> Void) {
    self.store = store
    self.restorer = restorer
    self.waitForCommits = waitForCommits
  }

  /// Returns the id of the change's entry. A session that the function library writes and that is not in Redis is restored first.
  ///
  /// - Parameters:
  ///   - isNumbered: whether the function library writes the session.
  ///   - expected: the number of the session's last change, if it is in Redis; nil: whatever it is.
  /// - Throws: ``HotRefusal``, ``SourceError``, ``SinkError``.
  package func write(_ change: SessionChange, to session: String, isNumbered: Bool, expecting expected: Int64? = nil) async throws
    -> EntryID
  {
    guard isNumbered else { return try await store.add(change, to: session) }
    do {
      return try await store.append([change], to: session, expecting: expected)
    } catch HotRefusal.cold {
      try await waitForCommits(session)
      _ = try await restorer.restore([session])
      return try await store.append([change], to: session, expecting: nil)
    }
  }
}
