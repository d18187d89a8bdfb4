package import TidemarkCore

/// A difference as the ledger has it.
package struct RecordedDivergence: Sendable, Equatable {
  /// Its number; nil where it is not recorded.
  package var number: Int64?
  package var divergence: Divergence
  /// In RFC 3339 in UTC; nil where it is not recorded.
  package var foundAt: String?

  package init(number: Int64, divergence: Divergence, foundAt: String?) {
    self.number = number
    self.divergence = divergence
    self.foundAt = foundAt
  }

  package init(unrecorded divergence: Divergence) {
    self.divergence = divergence
  }
}

extension PostgresSink {
  /// Returns the differences of a lane that comparisons found and that are not repaired.
  ///
  /// - Parameter session: only those of this session; nil: all.
  package func openDivergences(of lane: String, session: String?) async throws -> [RecordedDivergence] {
    let result = try await query(reconciliation.openDivergences, [.string(lane), .string(session)])
    return zip(0..<result.rowCount, Divergence.all(of: result)).map { row, divergence in
      RecordedDivergence(
        number: result.int64(row, "id") ?? 0, divergence: divergence, foundAt: result.string(row, "found_at"))
    }
  }
}
