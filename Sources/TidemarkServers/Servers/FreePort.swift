import Foundation
import Synchronization

/// Finds loopback ports that nobody uses.
package enum FreePort {
  private static let given = Mutex<Set<UInt16>>([])

  /// A port that could be bound on 127.0.0.1 a moment ago and that this process was not given before.
  ///
  /// Taken below the kernel's range for outgoing connections where there is room: a server that is stopped and started
  /// again must find its port free, and an outgoing connection of anybody could sit on a port of that range.
  /// Another process can still take it first, so a server's start tries again with another.
  package static func next() throws -> Int {
    for _ in 0..<200 {
      let wish = UInt16.random(in: 15_000..<ephemeralStart)
      if let port = bound(wish), given.withLock({ $0.insert(port).inserted }) { return Int(port) }
    }
    for _ in 0..<50 {
      if let port = bound(0), given.withLock({ $0.insert(port).inserted }) { return Int(port) }
    }
    throw ServerError(.resource, "no free port on 127.0.0.1")
  }

  /// A port with its companion ten thousand above, where a node of a Redis Cluster has its bus; both were free and are given to
  /// nobody else in this process.
  package static func nextWithClusterBus() throws -> Int {
    let distance: UInt16 = 10_000
    // The bus, too, below the range for outgoing connections where there is room.
    let end = max(ephemeralStart, 26_000) - distance
    for _ in 0..<200 {
      let wish = UInt16.random(in: 15_000..<end)
      guard bound(wish) != nil, bound(wish + distance) != nil else { continue }
      let isOurs = given.withLock { given in
        guard !given.contains(wish), !given.contains(wish + distance) else { return false }
        given.formUnion([wish, wish + distance])
        return true
      }
      if isOurs { return Int(wish) }
    }
    throw ServerError(.resource, "no free pair of ports on 127.0.0.1")
  }

  /// Where the range of outgoing ports starts, at least 15,001.
  private static let ephemeralStart: UInt16 = {
    let text = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_local_port_range", encoding: .utf8)
    let first = text?.split(whereSeparator: \.isWhitespace).first.flatMap { UInt16($0) }
    return max(first ?? 32_768, 15_001)
  }()

  private static func bound(_ port: UInt16) -> UInt16? {
    let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard handle >= 0 else { return nil }
    defer { close(handle) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(handle, $0, length) == 0 && getsockname(handle, $0, &length) == 0
      }
    }
    return isBound ? UInt16(bigEndian: address.sin_port) : nil
  }
}
