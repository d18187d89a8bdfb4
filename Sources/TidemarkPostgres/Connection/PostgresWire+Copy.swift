internal import CLibPQ
import Glibc

extension PostgresWire {
  /// COPY FROM STDIN. Returns the rows that the server counted.
  func copyIn(_ sql: String, _ fill: (inout CopyStream) throws -> Void) throws -> Int {
    try open(sql, PGRES_COPY_IN, "COPY FROM STDIN")
    var stream = CopyStream { [unowned self] in try push($0) }
    try fill(&stream)
    try stream.flush()
    // A server error in the middle shows only now: until the end libpq does not look at messages of a COPY, and the server
    // reads and drops the rest of the data.
    let reason = interruption == nil ? nil : "ended by the client"
    guard PQputCopyEnd(handle, reason) == 1 else { throw lost() }
    return try drain().last?.affectedRows ?? 0
  }

  /// COPY TO STDOUT. Returns all that the server sent.
  func copyOut(_ sql: String) throws -> [UInt8] {
    try open(sql, PGRES_COPY_OUT, "COPY TO STDOUT")
    var bytes: [UInt8] = []
    while true {
      var row: UnsafeMutablePointer<CChar>?
      let length = PQgetCopyData(handle, &row, 1)
      defer { PQfreemem(row) }
      switch length {
      case 0:
        _ = try wait(POLLIN)
        if PQconsumeInput(handle) == 0 { throw lost() }
      case 1...: bytes.append(contentsOf: UnsafeRawBufferPointer(start: row, count: Int(length)))
      case -1:
        _ = try drain()
        return bytes
      default: throw lost()
      }
    }
  }

  /// Begins a COPY, and throws unless the server takes it as the one that is meant.
  private func open(_ sql: String, _ wanted: ExecStatusType, _ name: String) throws {
    guard PQsendQuery(handle, sql) == 1 else { throw sendFailure() }
    guard let opening = try nextResult() else { throw PostgresError(.misuse, "the server sent no result") }
    defer { PQclear(opening) }
    let status = PQresultStatus(opening)
    guard status != wanted else { return }
    if status == PGRES_FATAL_ERROR {
      let error = try serverError(opening)
      _ = try drain()
      throw error
    }
    isBroken = [PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH].contains(status)
    if !isBroken { _ = try drain() }
    throw PostgresError(.misuse, "not a \(name)")
  }

  private func push(_ piece: UnsafeRawBufferPointer) throws {
    // After an interruption the rest is not sent: the COPY is about to be ended.
    while interruption == nil {
      let outcome = PQputCopyData(handle, piece.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(piece.count))
      if outcome < 0 { throw lost() }
      try flush()
      if outcome == 1 { return }
    }
  }
}
