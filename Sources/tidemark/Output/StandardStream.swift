import Foundation
import Synchronization

/// Standard output or standard error of this process.
///
/// Every write uses `write(2)`: Foundation's file handles raise an exception that Swift can't catch when a write fails, and a worker must
/// outlive its log. Calls may come from any task; the bytes of two calls never mix.
final class StandardStream: Sendable {
  static let output = StandardStream(STDOUT_FILENO)
  static let error = StandardStream(STDERR_FILENO)

  /// The reason why a write failed.
  enum Failure: Equatable {
    /// The pipe's reader has ended, which is not an error.
    case readerGone
    /// The system refused the write with this error number, such as `ENOSPC`.
    case refused(Int32)
  }

  private let descriptor: Int32
  /// The first failure. The lock also keeps the bytes of two calls apart.
  private let failure = Mutex<Failure?>(nil)

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// The first failure of a write since the start; nil while all writes have succeeded.
  var firstFailure: Failure? { failure.withLock { $0 } }

  /// Writes all of `text`, waiting for a slow reader. Returns the failure, or nil.
  @discardableResult
  func write(_ text: String) -> Failure? {
    failure.withLock { first in
      let problem = writeAll(Array(text.utf8))
      if first == nil { first = problem }
      return problem
    }
  }

  private func writeAll(_ bytes: [UInt8]) -> Failure? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
        continue
      }
      switch errno {
      case EINTR: continue
      // The parent process may have made the descriptor non-blocking.
      case EAGAIN:
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
      case EPIPE: return .readerGone
      case let number: return .refused(number)
      }
    }
    return nil
  }

  /// Prepares the process for streams that can't be written. Must be called before anything is opened.
  ///
  /// A write to a pipe without a reader then returns an error instead of ending the process. A standard descriptor that the parent closed
  /// (`2>&-`) is opened on `/dev/null`: otherwise the first connection would get its number, and the log would be written into the
  /// connection.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // `open` returns the lowest free number, which is the missing descriptor.
      _ = open("/dev/null", O_RDWR)
    }
  }
}
