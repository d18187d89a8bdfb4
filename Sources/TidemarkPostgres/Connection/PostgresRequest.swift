internal import CLibPQ
import Glibc
import Synchronization

/// One call on a connection: its deadline, and the ways to end it early.
///
/// Thread-safe: the connection's thread runs it, the task's cancellation handler and the cancelling thread only set flags and ring
/// the bell. Each call has a request of its own, so that a late cancellation can't hit the next query.
final class PostgresRequest: Sendable {
  /// When to give up.
  let deadline: ContinuousClock.Instant
  private let bell: WakeBell
  private let state = Mutex(State())

  private struct State {
    var isCancelled = false
    /// The connection's thread no longer waits for this request.
    var isOver = false
    var isCancelling = false
  }

  init(deadline: ContinuousClock.Instant, bell: WakeBell) {
    self.deadline = deadline
    self.bell = bell
  }

  /// The Swift task was cancelled. Callable from any thread.
  func cancel() {
    state.withLock { $0.isCancelled = true }
    bell.notify()
  }

  var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// Whether the cancelling thread is still at work. While it is, the connection must not start another query.
  var isCancelling: Bool { state.withLock { $0.isCancelling } }

  /// The connection is dropped or the call has its answer: a cancelling thread that did not begin yet must not.
  func finish() {
    state.withLock { $0.isOver = true }
  }

  /// Asks the server to cancel, on a thread of its own: `PQcancel` opens a connection and blocks.
  func cancelOnServer(_ ticket: CancelTicket) {
    state.withLock { $0.isCancelling = true }
    let status = DetachedThread.start { [self] in
      if !state.withLock({ $0.isOver }) { ticket.send() }
      state.withLock { $0.isCancelling = false }
      bell.notify()
    }
    if status != 0 { state.withLock { $0.isCancelling = false } }
  }
}

/// What libpq needs to cancel a query.
///
/// `@unchecked Sendable`: the handle is written once and only read; libpq: "PQcancel can safely be invoked from a signal handler
/// ... can be safely called from a thread that is separate from the one manipulating the PGconn object."
final class CancelTicket: @unchecked Sendable {
  private let handle: OpaquePointer

  /// Nil for a connection that is dead.
  init?(_ connection: OpaquePointer) {
    guard let handle = PQgetCancel(connection) else { return nil }
    self.handle = handle
  }

  deinit {
    PQfreeCancel(handle)
  }

  /// Blocks until the server has sent the signal or can't be reached.
  func send() {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      // A failure shows as a missing answer, for which the connection has a time limit.
      _ = PQcancel(handle, buffer.baseAddress, 256)
    }
  }
}

/// An eventfd, to interrupt `poll` from another thread.
final class WakeBell: Sendable {
  let descriptor: Int32

  init() throws {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    guard descriptor >= 0 else {
      throw PostgresError(.connection, "cannot make an eventfd for the connection: \(String(cString: strerror(errno)))")
    }
  }

  deinit {
    close(descriptor)
  }

  func notify() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  func silence() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
  }
}
