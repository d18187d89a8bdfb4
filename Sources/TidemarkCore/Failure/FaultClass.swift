/// Whose fault a failure of Postgres is, and so what happens next.
package enum FaultClass: Sendable, Equatable {
  /// An outage, a deadlock, a full disk: it passes. Tried again for ever, never a dead letter.
  case world
  /// A value that Postgres can't take: the entry becomes a dead letter, the lane goes on.
  case record
  /// Privileges, missing objects, wrong password: somebody must change something. The lane halts, loudly.
  case configuration
  /// Could be either. Tried again; when the same entries fail five times while others are committed, they are isolated.
  case ambiguous
  /// As ambiguous, but it ended the statement or its connection: no exception block on the server can tell which entry it was. A
  /// connection that is lost while a batch is under way is of this class whatever the last word was, 57P01 included: an operator's
  /// shutdown and a record that ends its backend look the same, but for hitting the same entries again and again.
  case interrupted

  /// By SQLSTATE (PostgreSQL, appendix A), whole codes before classes.
  package init(sqlstate: String) {
    switch sqlstate {
    // 26000: what the session had prepared is gone, or another backend answers.
    case "57P01", "57P03", "55P03", "25006", "26000": self = .world
    case "57014", "57P02": self = .interrupted
    // Memory or a limit such as temp_file_limit: of a whole batch more is needed than of its parts, and one entry may need too much.
    case "53200", "53400": self = .ambiguous
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
