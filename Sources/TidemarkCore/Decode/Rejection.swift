/// Why an entry could not be applied. The raw values are the column `dead_letters.reason`, the metric's label and the value in
/// `rejected`: public and stable.
package enum RejectionReason: String, Sendable, CaseIterable {
  case missingField = "missing_field"
  case invalidField = "invalid_field"
  case tooLong = "too_long"
  case repeatedField = "repeated_field"
  case badUTF8 = "bad_utf8"
  case unstorableText = "unstorable_text"
  case badJSON = "bad_json"
  case badNumber = "bad_number"
  case entryTooLarge = "entry_too_large"
  case constraint
  case idReused = "id_reused"
  case unmatched
  case rejectedByPostgres = "rejected_by_postgres"
}

/// An entry's way into the dead letters: the reason, and one line for whoever reads it. Never holds a field's value.
package struct Rejection: Error, Sendable, Equatable {
  package var reason: RejectionReason
  package var detail: String
  /// What Postgres said, where it was Postgres.
  package var sqlstate: String?
  /// The dead letter holds all that was written, though it is too large to be applied.
  private var keepsWhole = false

  /// Whether of the entry only the beginning of each field is kept.
  package var isCut: Bool { reason == .entryTooLarge && !keepsWhole }

  /// Of an entry whose id Postgres can't hold.
  package static let unstorableID = Rejection(
    .invalidField,
    "the entry's id is beyond 9223372036854775807, which Postgres' bigint can't hold; Redis gives all that follow such ids, too")

  package init(_ reason: RejectionReason, _ detail: String, sqlstate: String? = nil) {
    self.reason = reason
    self.detail = detail
    self.sqlstate = sqlstate
  }

  /// Of an entry that is within the limit and that would not be as it is stored.
  static func expanding(to bytes: Int, limit: Int) -> Rejection {
    var rejection = Rejection(
      .entryTooLarge,
      "it would take \(bytes) bytes as JSON, more than limits.max_entry_bytes (\(limit) bytes): control characters take six bytes each there, quotes two"
    )
    rejection.keepsWhole = true
    return rejection
  }
}
