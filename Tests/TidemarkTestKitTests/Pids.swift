import Synchronization

/// Collects pids from inside a body that throws.
final class Pids: Sendable {
  private let list = Mutex<[Int32]>([])
  var all: [Int32] { list.withLock { $0 } }
  func add(_ pid: Int32?) {
    if let pid { list.withLock { $0.append(pid) } }
  }
}
