/// Groups of SQLSTATEs that say more than their class.
extension FaultClass {
  /// Whether the failure depends on one row and on no other. A unique violation, for one, may come from a duplicate, which is no fault.
  package static func concernsOneRow(_ sqlstate: String) -> Bool {
    ["23502", "23514"].contains(sqlstate) || ["22", "54"].contains(sqlstate.prefix(2))
  }

  /// Whether the failure is a conflict with another session's locks, or the end of the session by an operator. The next attempt may
  /// succeed at once.
  package static func isConflict(_ sqlstate: String) -> Bool {
    ["40001", "40P01", "55P03", "57P01"].contains(sqlstate)
  }

  /// Whether the server answers that it can't serve now: it starts or stops, or has no connection to spare.
  package static func isUnavailable(_ sqlstate: String) -> Bool {
    ["53300", "57P03"].contains(sqlstate)
  }
}
