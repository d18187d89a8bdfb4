/// The reason why an entry could not be applied. The raw values are the column `dead_letters.reason`, the metric's label and the value in
/// `rejected`; they are public and stable.
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
  case forgotten
}

/// The decision to make a dead letter of an entry: the reason, and one line for the reader of the dead letter. The line never holds a
/// field's value.
package struct Rejection: Error, Sendable, Equatable {
  package var reason: RejectionReason
  package var detail: String
  /// The SQLSTATE of Postgres' error; nil where the decision was made without Postgres.
  package var sqlstate: String?
  /// Whether the dead letter holds all that was written, even though the entry is too large to be applied.
  private var keepsWhole = false

  /// Whether the dead letter keeps only the beginning of each field.
  package var isCut: Bool { reason == .entryTooLarge && !keepsWhole }

  /// The rejection of an entry whose id Postgres can't hold.
  package static let unstorableID = Rejection(
    .invalidField,
    "the entry's id is beyond 9223372036854775807, which Postgres' bigint can't hold; every later id of the stream is as large")

  /// The rejection of an entry whose session was forgotten. Its dead letter keeps nothing of the entry.
  package static let forgotten = Rejection(.forgotten, "the session was forgotten; nothing of the entry is kept")

  package init(_ reason: RejectionReason, _ detail: String, sqlstate: String? = nil) {
    self.reason = reason
    self.detail = detail
    self.sqlstate = sqlstate
  }

  /// Returns the rejection of an entry that is within the limit as it was written, and beyond it as it would be stored.
  static func expanding(to bytes: Int, limit: Int) -> Rejection {
    var rejection = Rejection(
      .entryTooLarge,
      "as JSON it would take \(bytes) bytes, more than limits.max_entry_bytes (\(limit) bytes): "
        + "each control character takes six bytes there, each quote two"
    )
    rejection.keepsWhole = true
    return rejection
  }
}
