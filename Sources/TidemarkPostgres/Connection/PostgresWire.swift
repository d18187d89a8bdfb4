internal import CLibPQ
import Glibc
import Logging

/// Owner of one `PGconn`, driven without blocking beyond a deadline.
///
/// Not Sendable: lives in ``PostgresConnection`` and is used on its thread only, as libpq demands (see ``PostgresThread``).
final class PostgresWire {
  /// How long the server may take to answer a cancellation before the connection is dropped.
  static let cancelPatience = Duration.seconds(2)

  /// Why the running request is being ended early, and when to stop waiting for the server's answer to that.
  struct Interruption {
    var kind: PostgresError.Kind
    var giveUpAt: ContinuousClock.Instant
  }

  let handle: OpaquePointer
  let bell: WakeBell
  // libpq holds a bare pointer to it.
  private let notices: NoticeSink
  private var request: PostgresRequest
  private(set) var interruption: Interruption?
  /// The stream of messages can't be trusted any more: the owner must release this object.
  var isBroken = false
  var prepared = PreparedStatements()

  /// Takes over a connection that `PostgresConnector` made.
  init(handle: OpaquePointer, bell: WakeBell, notices: NoticeSink, request: PostgresRequest) {
    self.handle = handle
    self.bell = bell
    self.notices = notices
    self.request = request
  }

  deinit {
    PQfinish(handle)
  }

  var isAlive: Bool { !isBroken && PQstatus(handle) == CONNECTION_OK }
  var serverVersion: Int { Int(PQserverVersion(handle)) }
  var transaction: PGTransactionStatusType { PQtransactionStatus(handle) }

  /// Notices a connection that the other side closed while nothing was asked.
  func probe() -> Bool {
    guard isAlive else { return false }
    if case .ready = WirePoll.wait(PQsocket(handle), Int16(POLLIN), bell: nil, until: .now), PQconsumeInput(handle) == 0 {
      isBroken = true
    }
    return isAlive
  }

  /// Whether the running request was cancelled, and until when it may last.
  var isCancelled: Bool { request.isCancelled }
  var deadline: ContinuousClock.Instant { request.deadline }

  // MARK: A request's frame

  func begin(_ request: PostgresRequest) {
    self.request = request
    interruption = nil
  }

  /// Waits until no cancellation is on its way any more, so that none can hit the next query.
  func end() {
    defer { request.finish() }
    guard let interruption, !isBroken else { return }
    while request.isCancelling {
      switch WirePoll.wait(-1, 0, bell: bell, until: interruption.giveUpAt) {
      case .bell, .ready: continue
      case .timeUp:
        isBroken = true
        return
      }
    }
  }

  /// Waits for the socket. Returns the events that are ready.
  func wait(_ events: Int32) throws -> Int32 {
    while true {
      if interruption == nil {
        if request.isCancelled {
          interrupt(.cancelled)
        } else if ContinuousClock.now >= request.deadline {
          interrupt(.timeout)
        }
      }
      // libpq closed it: poll would wait for nothing.
      guard PQsocket(handle) >= 0 else { throw lost() }
      switch WirePoll.wait(PQsocket(handle), Int16(events), bell: bell, until: interruption?.giveUpAt ?? request.deadline) {
      case .ready(let ready): return Int32(ready)
      case .bell: continue
      case .timeUp:
        if let interruption {
          isBroken = true
          throw PostgresError(interruption.kind, "the server did not answer in time, not even to a cancellation; connection dropped")
        }
      }
    }
  }

  private func interrupt(_ kind: PostgresError.Kind) {
    interruption = Interruption(kind: kind, giveUpAt: .now + Self.cancelPatience)
    if let ticket = CancelTicket(handle) { request.cancelOnServer(ticket) }
  }

  // MARK: Sending and reading

  /// Sends what libpq has buffered, reading meanwhile, so that a server that waits for us to read can't stop both.
  func flush() throws {
    while true {
      switch PQflush(handle) {
      case 0: return
      case 1:
        let ready = try wait(POLLIN | POLLOUT)
        if ready & POLLIN != 0, PQconsumeInput(handle) == 0 { throw lost() }
      default: throw lost()
      }
    }
  }

  /// The next result of the statement, nil after the last. The caller clears it.
  func nextResult() throws -> OpaquePointer? {
    try flush()
    while PQisBusy(handle) == 1 {
      _ = try wait(POLLIN)
      if PQconsumeInput(handle) == 0 { throw lost() }
    }
    return PQgetResult(handle)
  }

  /// Reads all results. Throws the first error, after the last result was read.
  func drain() throws -> [PostgresResult] {
    var results: [PostgresResult] = []
    var failure: PostgresError?
    while let result = try nextResult() {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: results.append(PostgresResult(result))
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        isBroken = true
        throw PostgresError(.misuse, "COPY works through copyIn only; connection dropped")
      default:
        let error = try serverError(result)
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return results
  }

  /// What the server reports. Throws it where it ends the connection.
  func serverError(_ result: OpaquePointer) throws -> PostgresError {
    var error = PostgresError(result)
    guard PostgresError.endsConnection(result) || PQstatus(handle) != CONNECTION_OK else { return error }
    isBroken = true
    error.kind = .connection
    throw error
  }

  /// A send was refused: either the connection is gone, or the call is wrong.
  func sendFailure() -> PostgresError {
    isBroken = true
    let kind: PostgresError.Kind = PQstatus(handle) == CONNECTION_OK ? .misuse : .connection
    return PostgresError(kind, PostgresError.line(String(cString: PQerrorMessage(handle))))
  }

  /// The connection is gone: with the server's last word, where it came through, or libpq's.
  func lost() -> PostgresError {
    isBroken = true
    var error = PostgresError(.connection, PostgresError.line(String(cString: PQerrorMessage(handle))))
    // Reads what was received before the end. It can't block: the socket is closed or at its end.
    for _ in 0..<16 where PQisBusy(handle) == 0 || PQstatus(handle) != CONNECTION_OK {
      guard let result = PQgetResult(handle) else { break }
      defer { PQclear(result) }
      guard PQresultStatus(result) == PGRES_FATAL_ERROR else { continue }
      let word = PostgresError(result)
      if word.sqlstate != nil {
        error = word
        error.kind = .connection
        break
      }
    }
    return error
  }
}
