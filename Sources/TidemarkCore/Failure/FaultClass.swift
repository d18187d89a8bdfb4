/// The class of a failure of Postgres, which decides what happens next.
package enum FaultClass: Sendable, Equatable {
  /// An outage, a deadlock, or a full disk: it passes. The transaction is retried for ever, and no entry becomes a dead letter.
  case world
  /// A value that Postgres can't store: the entry becomes a dead letter, and the lane goes on.
  case record
  /// Missing privileges or objects, or a wrong password: an operator must change something. The lane halts, loudly.
  case configuration
  /// A limit that an operator set, such as temp_file_limit, was exceeded. It does not pass by itself, and a whole batch needs more than its
  /// parts: the batch is bisected at once. A single entry that needs too much is not at fault: its lane halts until the limit is raised.
  case limit
  /// A failure that an outage or a record may have caused. The transaction is retried; when the same entries fail five times while others
  /// are committed, they are isolated.
  case ambiguous
  /// An ambiguous failure that ended the statement or its connection, so that no exception block on the server can find the entry. A
  /// connection that is lost while a batch is under way is in this class whatever the last error was, 57P01 included: an operator's
  /// shutdown and a record that ends its backend look alike, except that the record fails again and again.
  case interrupted

  /// Classifies a SQLSTATE (PostgreSQL, appendix A): whole codes before classes.
  package init(sqlstate: String) {
    switch sqlstate {
    // 26000: the session's prepared statement is gone, or another backend answers.
    case "57P01", "57P03", "55P03", "25006", "26000": self = .world
    case "57014", "57P02": self = .interrupted
    // A whole batch needs more memory than its parts, and one entry may need too much.
    case "53200": self = .ambiguous
    case "53400": self = .limit
    default:
      switch sqlstate.prefix(2) {
      case "08", "40", "53", "58": self = .world
      case "22", "23", "54": self = .record
      case "28", "3D", "3F", "42": self = .configuration
      default: self = .ambiguous
      }
    }
  }
}
