internal import TidemarkCore

/// What a failure of Postgres means for the engine.
extension SinkError {
  /// SQLSTATE that the ledger's fence raises.
  static let fencedState = "TM001"

  /// - Parameter isUnderWay: a batch was being sent or applied when it happened.
  init(_ error: PostgresError, isUnderWay: Bool = false) {
    if error.sqlstate == Self.fencedState {
      let lanes = (error.detail ?? "").trimmingPrefix("{").split { $0 == "," || $0 == "}" }.compactMap { Int32($0) }
      self.init(.fenced(lanes), "another owner or another position holds \(lanes.count) lane(s)")
      return
    }
    let fault: FaultClass
    switch error.kind {
    case .connection:
      // A refused login says why; whatever else fails on the way there is the world's fault. What ends a batch may be its own.
      let isRefused = error.sqlstate.map { FaultClass(sqlstate: $0) } == .configuration
      fault = isRefused ? .configuration : isUnderWay ? .interrupted : .world
    // Our own deadline says nothing of a record: the server has one for statements, which is earlier, and speaks for itself (57014).
    case .timeout, .cancelled: fault = .world
    case .server(let state): fault = FaultClass(sqlstate: state)
    case .misuse, .unsuitable: fault = .configuration
    }
    self.init(
      .fault(fault), error.description, isOutcomeUnknown: error.outcomeUnknown, hint: Self.hint(for: error), sqlstate: error.sqlstate)
    // A connection that is lost under way may be the only one.
    isUnreachable =
      switch error.kind {
      case .connection, .timeout: !isUnderWay && fault == .world
      case .server(let state): FaultClass.isUnavailable(state)
      case .cancelled, .misuse, .unsuitable: false
      }
  }

  /// What an operator can do about it.
  private static func hint(for error: PostgresError) -> String? {
    switch error.sqlstate {
    case "42501": "grant the worker's role the missing privilege; `tidemark check` names it"
    case "42P01", "42883", "42703", "3F000": "run `tidemark migrate`"
    case "28P01", "28000": "set postgres.password or postgres.url to what the server accepts"
    case "53400": error.limitHint
    case "3D000": "create the database or change postgres.url"
    default: error.hint
    }
  }
}

extension PostgresError {
  /// How to raise the limit that somebody set; nil where it is none of that kind.
  package var limitHint: String? {
    sqlstate == "53400"
      ? "raise temp_file_limit or work_mem for the worker's role, such as with: ALTER ROLE ... SET work_mem = '64MB'" : nil
  }
}
