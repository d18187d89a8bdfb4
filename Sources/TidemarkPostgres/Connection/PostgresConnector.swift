internal import CLibPQ
import Glibc
import Logging
import TidemarkLog

/// Makes a connection without blocking beyond a deadline, and a session of Tidemark of it.
enum PostgresConnector {
  /// Tries the hosts in order. Runs on the connection's thread; resolving names is libpq's and blocks it.
  static func connect(
    _ configuration: PostgresConfiguration, request: PostgresRequest, bell: WakeBell, notices: NoticeSink
  ) throws -> (wire: PostgresWire, backend: BackendIdentity) {
    let attempts = configuration.attempts
    var failures: [PostgresError] = []
    for (index, options) in attempts.enumerated() {
      // The last host may use what is left; the others their own timeout, or nothing would be left for the next.
      let patience = configuration.connectTimeout ?? (index + 1 < attempts.count ? .seconds(5) : nil)
      let until = min(patience.map { .now + $0 } ?? request.deadline, request.deadline)
      do {
        let open = { try attempt(options, until: min($0, until), request: request, bell: bell, notices: notices) }
        let wire = try open(until)
        // The last look at a host: a session that is not what it must be makes way for the next host.
        let probe = PoolerProbe(wire: wire, request: request, open: open)
        return (wire, try SessionStart(configuration: configuration, request: request).run(on: wire, probe: probe))
      } catch let error as PostgresError {
        failures.append(error)
        if error.kind == .cancelled || ContinuousClock.now >= request.deadline { break }
      }
    }
    // What only a person can help says more than a host that may come back.
    guard var last = failures.last(where: \.needsPerson) ?? failures.last else {
      throw PostgresError(.misuse, "the Postgres URL names no host")
    }
    last.message = failures.map(\.message).joined(separator: "; ")
    throw last
  }

  private static func attempt(
    _ options: [String: String], until deadline: ContinuousClock.Instant, request: PostgresRequest, bell: WakeBell, notices: NoticeSink
  ) throws -> PostgresWire {
    let handle = CStrings.withPointers(Array(options.keys)) { keywords in
      CStrings.withPointers(Array(options.values)) { values in
        PQconnectStartParams(keywords, values, 0)
      }
    }
    guard let handle else { throw PostgresError(.connection, "out of memory") }
    // From here on the wire frees the handle.
    let wire = PostgresWire(handle: handle, bell: bell, notices: notices, request: request)
    PQsetNoticeReceiver(handle, NoticeSink.receiver, Unmanaged.passUnretained(notices).toOpaque())
    // The only way to learn the SQLSTATE of a refused login: libpq 15 keeps it nowhere else.
    PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
    var step = PQstatus(handle) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
    while step != PGRES_POLLING_OK {
      guard step != PGRES_POLLING_FAILED else { throw PostgresError(connecting: String(cString: PQerrorMessage(handle))) }
      if request.isCancelled { throw PostgresError(.cancelled, "cancelled while connecting") }
      // The socket may be another one after each step.
      switch WirePoll.wait(PQsocket(handle), Int16(step == PGRES_POLLING_READING ? POLLIN : POLLOUT), bell: bell, until: deadline) {
      case .ready: step = PQconnectPoll(handle)
      case .bell: continue
      case .timeUp:
        let host = options["host"] ?? options["hostaddr"] ?? "the default host"
        throw PostgresError(.timeout, "\(host) did not answer in time while connecting")
      }
    }
    PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
    guard PQsetnonblocking(handle, 1) == 0 else { throw wire.lost() }
    return wire
  }
}

/// Arrays of C strings for the length of a call.
enum CStrings {
  static func withPointers<T>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> T) -> T {
    let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() {
      (pointers + index).initialize(to: UnsafePointer(strdup(string)))
    }
    (pointers + strings.count).initialize(to: nil)
    defer {
      for index in strings.indices { free(UnsafeMutablePointer(mutating: pointers[index])) }
      pointers.deallocate()
    }
    return body(pointers)
  }
}

/// Where notices of the server go: the log, at debug.
final class NoticeSink: Sendable {
  let logger: Logger

  init(logger: Logger) {
    self.logger = logger
  }

  static let receiver: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { context, result in
    guard let context, let result else { return }
    let notice = PostgresError(result)
    Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue().logger.log(
      .postgresNotice, [.postgresNotice: "\(notice.message)", .postgresSQLState: "\(notice.sqlstate ?? "")"])
  }
}
