/// The class of a failure of Postgres, which decides what happens next.
///
/// What a SQLSTATE means stands in this folder only. The SQL function `apply_exactly`, which isolates failing entries on the server, has
/// no list of its own: it is handed ``isolatedStates(includingAmbiguous:)``.
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

  /// Classifies a SQLSTATE (PostgreSQL, appendix A): a whole code decides before its class, and an unknown class is ambiguous.
  package init(sqlstate: String) {
    self = Self.states[sqlstate] ?? Self.classes[String(sqlstate.prefix(2))] ?? .ambiguous
  }

  /// Returns for which SQLSTATEs `apply_exactly` may blame the entry that it applies, as a JSON object: by whole code, by class, and under
  /// the empty name for all others. The function looks a failure up in this order and raises it again unless it finds true.
  package static func isolatedStates(includingAmbiguous: Bool) -> String {
    let all = states.merging(classes) { state, _ in state }.merging(["": .ambiguous]) { known, _ in known }
    let rules = all.sorted { $0.key < $1.key }.map { state, fault in
      "\"\(state)\": \(fault == .record || fault == .ambiguous && includingAmbiguous)"
    }
    return "{\(rules.joined(separator: ", "))}"
  }

  private static let states: [String: FaultClass] = [
    // A lock was not granted in time.
    "55P03": .world,
    // The statement was cancelled, or the server crashed. PL/pgSQL's OTHERS does not catch a cancel, nor a failed ASSERT.
    "57014": .interrupted, "57P02": .interrupted, "P0004": .interrupted,
    // A whole batch needs more memory than its parts, and one entry may need too much.
    "53200": .ambiguous,
    "53400": .limit,
  ]

  private static let classes: [String: FaultClass] = [
    // The connection, a conflict of transactions, missing resources, an operator's intervention, the operating system.
    "08": .world, "40": .world, "53": .world, "57": .world, "58": .world,
    // The transaction's state: a standby is read-only, or a timeout ended the transaction. 26: the session's prepared statement is gone, or
    // another backend answers. 72: the transaction's snapshot is too old.
    "25": .world, "26": .world, "72": .world,
    "22": .record, "23": .record, "54": .record,
    // Logins and roles, databases and schemas, objects and privileges, the server's own configuration file.
    "0L": .configuration, "0P": .configuration, "28": .configuration, "3D": .configuration, "3F": .configuration, "42": .configuration,
    "F0": .configuration,
  ]
}
