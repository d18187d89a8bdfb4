/// Removes from the ledger what is kept only for a time. All methods throw ``SinkError`` and may be called again after they threw.
package protocol RetentionLedger: Sendable {
  /// Returns all lanes of the ledger, whatever their owner, and the time on the ledger's clock.
  func eventIDLanes() async throws -> (now: Int64, lanes: [EventIDRetention.Lane])

  /// Returns the lanes that have dead letters which were resolved longer ago than `age`.
  func lanesOfLetters(resolvedBefore age: Duration) async throws -> [String]

  /// Removes the rows that a rule names, in one short transaction for a piece of about `rows` rows. A nil `place` is the beginning of the
  /// table.
  func remove(_ rule: RetentionRule, from place: RetentionPlace?, rows: Int) async throws -> RetentionPiece
}
