internal import CLibPQ
import Glibc

extension PostgresWire {
  /// Bytes given to libpq at a time: it copies them, so a whole batch would be in memory twice.
  private static let chunk = 256 << 10

  /// COPY FROM STDIN. Returns the rows that the server counted.
  func copyIn(_ sql: String, _ bytes: [UInt8]) throws -> Int {
    guard PQsendQuery(handle, sql) == 1 else { throw sendFailure() }
    guard let opening = try nextResult() else { throw PostgresError(.misuse, "the server sent no result") }
    let status = PQresultStatus(opening)
    if status != PGRES_COPY_IN {
      defer { PQclear(opening) }
      if status == PGRES_FATAL_ERROR {
        let error = try serverError(opening)
        _ = try drain()
        throw error
      }
      isBroken = status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH
      if !isBroken { _ = try drain() }
      throw PostgresError(.misuse, "not a COPY FROM STDIN")
    }
    PQclear(opening)
    try push(bytes)
    // A server error in the middle shows only now: until the end libpq does not look at messages of a COPY, and the server
    // reads and drops the rest of the data.
    let reason = interruption == nil ? nil : "ended by the client"
    guard PQputCopyEnd(handle, reason) == 1 else { throw lost() }
    return try drain().last?.affectedRows ?? 0
  }

  private func push(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count, interruption == nil {
      let end = min(offset + Self.chunk, bytes.count)
      let outcome = bytes[offset..<end].withUnsafeBytes { buffer in
        PQputCopyData(handle, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count))
      }
      switch outcome {
      case 1: offset = end
      case 0: break
      default: throw lost()
      }
      try flush()
    }
  }
}
