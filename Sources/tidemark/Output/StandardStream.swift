import Foundation
import Synchronization

/// Standard output or standard error of this process.
///
/// Every write goes through `write(2)`: Foundation's file handles raise an exception that Swift can't catch where a write fails, and a worker
/// must outlive its log. Calls may come from any task; what one call writes is not mixed with what another writes.
final class StandardStream: Sendable {
  static let output = StandardStream(STDOUT_FILENO)
  static let error = StandardStream(STDERR_FILENO)

  /// Why a write failed.
  enum Failure: Equatable {
    /// The pipe's reader has ended. It wants no more, which is no fault.
    case readerGone
    /// The system's error number, such as `ENOSPC`.
    case refused(Int32)
  }

  private let descriptor: Int32
  /// The first failure; guarded so that the bytes of two calls don't mix.
  private let failure = Mutex<Failure?>(nil)

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// The first failure of a write since the start; nil while all succeeded.
  var firstFailure: Failure? { failure.withLock { $0 } }

  /// Writes all of `text`, and returns why it could not. Waits for a reader that is slow.
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
      // Whoever gave us the descriptor may have made it non-blocking.
      case EAGAIN:
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
      case EPIPE: return .readerGone
      case let number: return .refused(number)
      }
    }
    return nil
  }

  /// Prepares the process for streams that can't be written. Call it before anything is opened.
  ///
  /// A write to a pipe without a reader answers with an error instead of ending the process. A standard descriptor that was closed by the parent
  /// (`2>&-`) is opened on `/dev/null`: else the first connection would get its number, and the log would be written into it.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest number that is free is the one that is missing.
      _ = open("/dev/null", O_RDWR)
    }
  }
}
