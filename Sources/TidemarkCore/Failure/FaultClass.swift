/// Whose fault a failure of Postgres is, and so what happens next.
package enum FaultClass: Sendable, Equatable {
  /// An outage, a deadlock, a full disk: it passes. Tried again for ever, never a dead letter.
  case world
  /// A value that Postgres can't take: the entry becomes a dead letter, the lane goes on.
  case record
  /// Privileges, missing objects, wrong password: somebody must change something. The lane halts, loudly.
  case configuration
  /// Could be either. Tried again; when the same entries fail five times, they are isolated.
  case ambiguous

  /// By SQLSTATE (PostgreSQL, appendix A), whole codes before classes.
  package init(sqlstate: String) {
    switch sqlstate {
    case "57P01", "57P02", "57P03", "55P03", "25006": self = sqlstate == "57P02" ? .ambiguous : .world
    case "53200", "57014": self = .ambiguous
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
