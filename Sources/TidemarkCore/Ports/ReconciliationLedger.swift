/// What the ledger has of lanes' logs, and what a comparison found. All methods throw ``SinkError`` and may be called again after they threw.
package protocol ReconciliationLedger: Sendable {
  /// Returns how far lanes are verified; those that the ledger does not know are left out.
  func verifiedLanes(_ lanes: [Int32]) async throws -> [VerifiedLane]

  /// Returns the digest of a range of a lane, of at most so many changes. Nil where the ledger does not know the lane.
  ///
  /// - Parameter session: only changes of this session count; nil: all.
  func contents(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> LaneContents?

  /// Returns the changes of a range of a lane in their order, at most so many.
  func changes(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> [StoredChange]

  /// Returns what is known of entries for which there is no change of their digest, in the order asked.
  func traces(of entries: [ExpectedEntry], in lane: Int32) async throws -> [EntryTrace]

  /// Records a range that was compared, in one transaction. Returns the differences that were not recorded before.
  ///
  /// - Throws: ``SinkError/Kind/fenced(_:)`` where the lane is another one's by now, of another incarnation, or verified elsewhere.
  func record(_ range: ReconciledRange) async throws -> [Divergence]

  /// Returns the next entries of a lane, after the number of one of them, that Postgres lacks by what is recorded, each with its number.
  ///
  /// - Parameter session: only entries of this session; nil: all.
  func missingEntries(
    of lane: String, session: String?, after number: Int64, limit: Int
  ) async throws -> [(number: Int64, entry: EntryID)]
}

/// Applies entries that Postgres lacks. It throws ``SinkError``.
package protocol ChangeRepairer: Sendable {
  /// Applies the entries of recorded differences, each at its own position, and records in the same transaction that they are repaired. Rows of
  /// the lane and of the differences are locked first, so that of several that repair one exactly one does.
  ///
  /// - Parameters:
  ///   - numbers: the numbers of the differences, all of one lane.
  ///   - make: makes the batch for the lane as it stands, of those that are open: one entry for each, in their order.
  /// - Returns: the outcome of each difference that there is; nil where there is no such lane.
  func repair(
    lane: String, _ numbers: [Int64], make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
  ) async throws -> [Int64: LateEntryOutcome]?
}

/// A range of a lane that was compared, and what was found.
package struct ReconciledRange: Sendable {
  package var lane: Int32
  package var incarnation: Int64
  /// The fencing token of the lane's owner, for whom the range becomes verified; nil: how far the lane is verified stays.
  package var fence: Int64?
  package var range: EntryRange
  package var divergences: [Divergence]
  package var numbers: NumberedChanges
  /// Whether nothing is written, and all that was found is returned.
  package var isDry: Bool

  package init(
    lane: Int32, incarnation: Int64, fence: Int64?, range: EntryRange, divergences: [Divergence], numbers: NumberedChanges,
    isDry: Bool = false
  ) {
    self.lane = lane
    self.incarnation = incarnation
    self.fence = fence
    self.range = range
    self.divergences = divergences
    self.numbers = numbers
    self.isDry = isDry
  }
}
