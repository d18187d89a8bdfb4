/// A difference between what was sealed and what is stored.
package struct AuditDifference: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    /// What is stored of a change is not what was sealed.
    case changed
    /// A change that was sealed, or that must be there by its number, is gone.
    case missing
    /// A change stands where none can be.
    case added
    /// A segment of the chain, or its link, is not what was sealed.
    case seal
    /// The chain does not contain a head that is kept outside of Postgres.
    case head
    /// The numbers of the lane do not add up.
    case accounting
    /// A function or a table of the audit is not what the migrations made.
    case schema
    /// More changes are marked as erased than the receipt of the erasure says, or there is no receipt.
    case receipt
  }

  package var lane: String?
  package var kind: Kind
  package var no: Int64?
  package var entry: String?
  package var session: String?
  package var detail: String?

  package init(
    lane: String?, kind: Kind, no: Int64? = nil, entry: String? = nil, session: String? = nil, detail: String? = nil
  ) {
    self.lane = lane
    self.kind = kind
    self.no = no
    self.entry = entry
    self.session = session
    self.detail = detail
  }

  /// One sentence for operators, without the lane.
  package var text: String {
    let change = ["the change", no.map { "\($0)" }, entry.map { "(entry \($0))" }, session.map { "of session \($0)" }]
      .compactMap(\.self).joined(separator: " ")
    return switch kind {
    case .changed: "\(change) is not what was sealed"
    case .missing: "\(change) is missing"
    case .added: "\(change) was added"
    case .seal: "the seal that begins with the change \(no ?? 0) was changed, removed or added"
    case .head, .accounting, .schema, .receipt: detail ?? kind.rawValue
    }
  }
}

/// What the comparison of a piece of a lane came to.
package struct AuditPiece: Sendable, Equatable {
  /// The number of the last sealed change that was compared.
  package var throughNo: Int64
  /// Whether nothing is left to compare.
  package var isComplete: Bool
  package var difference: AuditDifference?

  package init(throughNo: Int64, isComplete: Bool, difference: AuditDifference? = nil) {
    self.throughNo = throughNo
    self.isComplete = isComplete
    self.difference = difference
  }
}
