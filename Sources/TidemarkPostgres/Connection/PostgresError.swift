internal import TidemarkCore

/// A failure of Postgres or of the way to it.
///
/// ``description`` is one line that may be logged: no row data and no secret. The server's DETAIL, CONTEXT and, for errors of
/// class 22, the message itself quote values: they are properties and appear only in ``debugDescription``.
package struct PostgresError: Error, Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// The connection could not be made, or was lost.
    case connection
    /// The server refused, with this SQLSTATE. The connection is usable, its transaction may be failed.
    case server(String)
    /// The deadline of the call passed.
    case timeout
    /// The Swift task was cancelled.
    case cancelled
    /// The call itself is wrong: a bad URL, too many parameters, no connection made yet.
    case misuse
    /// The server, or what stands before it, is not one that Tidemark can work with: a person must change something.
    case unsuitable(Requirement)
  }

  /// What a server must be.
  package enum Requirement: String, Sendable, Equatable {
    /// The database stores Unicode text.
    case encoding
    /// A session keeps its backend.
    case pooling
    /// Triggers and constraints fire.
    case triggers
  }

  package var kind: Kind
  /// Five characters, as the server gave them; also set for `.connection` and `.timeout` where the server still spoke.
  package var sqlstate: String?
  /// The server's primary message, or ours. May quote a value when `sqlstate` is of class 22.
  package var message: String
  /// May hold row data.
  package var detail: String?
  package var hint: String?
  /// Where it happened, by the server. May hold row data.
  package var context: String?
  package var schema: String?
  package var table: String?
  package var column: String?
  package var constraint: String?
  /// Which statement of a pipeline failed, from 0.
  package var statementIndex: Int?
  /// The answer to a commit is missing: the transaction may be in or not. Only reading it back tells.
  ///
  /// Set when the connection was lost, or dropped after a deadline, while a COMMIT, a pipeline that holds one, or a statement
  /// that commits by itself (outside of a transaction block) was under way.
  package var outcomeUnknown = false

  package init(_ kind: Kind, _ message: String, sqlstate: String? = nil, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.sqlstate = sqlstate
    self.hint = hint
    if sqlstate == nil, case .server(let state) = kind {
      self.sqlstate = state
    }
  }

  /// The first two characters of the SQLSTATE.
  package var sqlstateClass: String? { sqlstate.map { String($0.prefix(2)) } }

  /// Whether the server, or what stands before it, must be changed or replaced first.
  var needsPerson: Bool { if case .unsuitable = kind { true } else { false } }

  /// Whether the same call may succeed later without anybody changing anything.
  ///
  /// An ambiguous failure counts as retryable: an outage must never be taken for the fault of a record.
  package var isRetryable: Bool {
    switch kind {
    case .misuse, .cancelled, .unsuitable: return false
    case .connection, .timeout, .server: break
    }
    switch sqlstate.map(FaultClass.init(sqlstate:)) {
    case .record, .configuration, .limit: return false
    case .world, .ambiguous, .interrupted, nil: return true
    }
  }

  /// The line of the data that a COPY failed at, from 1.
  package var copyLine: Int? {
    guard let context else { return nil }
    // "COPY messages, line 17, column meta: ..."; the words follow the server's lc_messages, the order doesn't.
    for line in context.split(separator: "\n") where line.hasPrefix("COPY ") {
      guard let comma = line.firstIndex(of: ",") else { continue }
      let digits = line[comma...].drop { !("0"..."9").contains($0) }.prefix { ("0"..."9").contains($0) }
      return Int(digits)
    }
    return nil
  }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
  package var description: String {
    var line: String
    switch kind {
    case .connection: line = "Postgres connection"
    case .server: line = "Postgres refused"
    case .timeout: line = "Postgres deadline passed"
    case .cancelled: line = "Postgres call cancelled"
    case .misuse: line = "Postgres call"
    case .unsuitable: line = "Postgres can't be used"
    }
    if let sqlstate {
      line += " \(sqlstate)"
      if let name = SQLState.name(sqlstate) { line += " (\(name))" }
    }
    if let statementIndex { line += " in statement \(statementIndex)" }
    if let table { line += " on table \(table)" }
    if let column { line += ", column \(column)" }
    if let constraint { line += ", constraint \(constraint)" }
    if sqlstateClass != "22" { line += ": \(message)" }
    if let hint { line += " (\(hint))" }
    if outcomeUnknown { line += " [outcome of the commit unknown]" }
    return ForeignText.line(line)
  }

  /// Everything, row data included. For a person at a debugger, never for a log.
  package var debugDescription: String {
    var lines = ["\(kind) \(sqlstate ?? "") \(message)"]
    if let detail { lines.append("detail: \(detail)") }
    if let hint { lines.append("hint: \(hint)") }
    if let context { lines.append("context: \(context)") }
    if let schema { lines.append("schema: \(schema)") }
    if let table { lines.append("table: \(table)") }
    if let column { lines.append("column: \(column)") }
    if let constraint { lines.append("constraint: \(constraint)") }
    if let statementIndex { lines.append("statement: \(statementIndex)") }
    if outcomeUnknown { lines.append("outcome of the commit unknown") }
    return lines.joined(separator: "\n")
  }
}
