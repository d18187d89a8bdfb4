/// A failure of the sink, by what to do about it.
package struct SinkError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    case fault(FaultClass)
    /// These lanes are not where the batch left them, or belong to another owner.
    case fenced([Int32])
  }

  package var kind: Kind
  /// The transaction may have been committed all the same: read the cursor.
  package var isOutcomeUnknown: Bool
  /// Postgres could not be asked at all: it is not there, does not answer, or takes no connection.
  package var isUnreachable = false
  /// One line without row data or secrets.
  package var description: String
  /// What an operator can do about it.
  package var hint: String?
  /// What Postgres called it, where it was Postgres.
  package var sqlstate: String?
  /// The entry whose fault it is, where that is certain.
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
