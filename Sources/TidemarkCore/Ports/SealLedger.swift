/// The chains of seals in the ledger. All methods throw ``SinkError`` and may be called again after they threw.
package protocol SealLedger: Sendable {
  /// Seals the next changes of lanes, at most `most` of each that came in order, and returns how far each is sealed. Of two calls that seal a
  /// lane at once the second one changes nothing.
  func sealLanes(_ lanes: [Int32], most: Int) async throws -> [SealedLane]

  /// Returns for each of these heads whether the lane's chain contains it.
  func contains(_ heads: [SealHead]) async throws -> [Bool]
}

/// The heads of the chains in Redis, beside the lanes' marks. All methods throw ``SourceError`` and may be called again after they threw.
package protocol SealHeadStore: Sendable {
  /// Returns the head that Redis holds of each lane, in the order asked; nil where there is none.
  func heads(of lanes: [String]) async throws -> [SealHead?]

  /// Writes heads where Redis still holds what each replaces, in one step.
  ///
  /// - Parameter heads: each with the head that it replaces; nil: none.
  /// - Returns: for each whether it was written. One that another installation's id refuses is not.
  func write(_ heads: [(head: SealHead, over: SealHead?)], for installation: InstallationID) async throws -> [Bool]
}
