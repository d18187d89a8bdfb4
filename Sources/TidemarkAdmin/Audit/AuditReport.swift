package import TidemarkCore

/// What an audit came to.
package struct AuditReport: Sendable {
  package struct Lane: Sendable, Equatable {
    package var name: String
    /// The number of the last change.
    package var changes: Int64
    package var sealedNo: Int64
    package var erased: Int64
    /// The number of the last change that was compared with its seal.
    package var auditedNo: Int64
    /// The newest link of the chain; nil where there is none.
    package var head: SealHead?
  }

  package var lanes: [Lane] = []
  /// The first difference of each lane, and those of the ledger as a whole.
  package var differences: [AuditDifference] = []

  package var isClean: Bool { differences.isEmpty }
}
