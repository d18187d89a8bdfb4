/// A failure of the sink, classified by what to do about it.
package struct SinkError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    case fault(FaultClass)
    /// These lanes are not where the batch expects them, or belong to another owner.
    case fenced([Int32])
  }

  package var kind: Kind
  /// Whether the transaction may have been committed although it failed. The cursor then says whether it was.
  package var isOutcomeUnknown: Bool
  /// Whether Postgres could not be reached: it is not there, does not answer, or accepts no connection.
  package var isUnreachable = false
  /// One line without row data or secrets.
  package var description: String
  /// A hint for the operator.
  package var hint: String?
  /// The SQLSTATE of Postgres' error; nil where the error did not come from Postgres.
  package var sqlstate: String?
  /// The entry that caused the failure, where that is certain.
  package var failingEntry: FailingEntry?

  package init(
    _ kind: Kind, _ description: String, isOutcomeUnknown: Bool = false, hint: String? = nil, sqlstate: String? = nil,
    failingEntry: FailingEntry? = nil
  ) {
    self.kind = kind
    self.description = description
    self.isOutcomeUnknown = isOutcomeUnknown
    self.hint = hint
    self.sqlstate = sqlstate
    self.failingEntry = failingEntry
  }
}
