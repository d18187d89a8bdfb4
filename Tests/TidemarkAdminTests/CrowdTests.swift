import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin

/// Real sockets that send half a request, or do not read their answer.
@Suite(.serialized) struct CrowdTests {
  /// Limits longer than any test, so that only the number of connections closes one.
  private static let patient = ConnectionLimits(header: .seconds(3600), answer: .seconds(3600), idle: .seconds(3600))
  private static let half = Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".utf8)
  private static let whole = Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)

  /// Runs `body` with the sockets of a crowd, which are closed at the end.
  private func withCrowd(
    _ count: Int, _ request: [UInt8], port: Int, receiveBuffer: Int32? = nil, _ body: ([Int32]) async throws -> Void
  ) async throws {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    for _ in 0..<count { sockets.append(try HTTPExchange.open(request, port: port, receiveBuffer: receiveBuffer)) }
    try await body(sockets)
  }

  /// Runs `body` on a thread that may block.
  private func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in DispatchQueue.global().async { continuation.resume(returning: body()) } }
  }

  @Test func `three hundred half requests keep no probe from its answer`() async throws {
    try await withAdminServer(limits: Self.patient) { port in
      try await withCrowd(300, Self.half, port: port) { sockets in
        for path in ["/livez", "/readyz", "/metrics", "/"] {
          let answer = try await HTTPExchange.send("GET", path, port: port)
          #expect(answer.status == 200, "\(path)")
        }
        // The first connection was closed to make room for the last.
        #expect(await onThread { HTTPExchange.isClosed(sockets[0]) })
      }
    }
  }

  @Test func `readers that take nothing keep no probe from its answer`() async throws {
    let source = SampleSource(exposition: String(repeating: "tidemark_x 1\n", count: 300_000))
    try await withAdminServer(source, limits: Self.patient) { port in
      try await withCrowd(60, Self.whole, port: port, receiveBuffer: 4096) { sockets in
        let alive = try await HTTPExchange.send("GET", "/livez", port: port)
        #expect(alive.body == "ok\n")
        let metrics = try await HTTPExchange.send("GET", "/metrics", port: port)
        #expect(metrics.body == source.exposition)
        #expect(sockets.count == 60)
      }
    }
  }

  @Test func `half a header, a connection at rest and a slow reader are closed after their time`() async throws {
    var limits = Self.patient
    limits.header = .milliseconds(100)
    try await withAdminServer(limits: limits) { port in
      for request in [Self.half, []] {
        try await withCrowd(1, request, port: port) { sockets in
          #expect(await onThread { HTTPExchange.isClosed(sockets[0]) })
        }
      }
    }
    limits = Self.patient
    limits.idle = .milliseconds(100)
    try await withAdminServer(limits: limits) { port in
      try await withCrowd(1, Self.whole, port: port) { sockets in
        let answer = await onThread { String(decoding: HTTPExchange.rest(of: sockets[0]), as: UTF8.self) }
        #expect(answer.hasSuffix("# HELP tidemark_up x\n"))
      }
    }
    limits = Self.patient
    limits.answer = .milliseconds(100)
    let source = SampleSource(exposition: String(repeating: "tidemark_x 1\n", count: 2_000_000))
    try await withAdminServer(source, limits: limits) { port in
      try await withCrowd(1, Self.whole, port: port, receiveBuffer: 4096) { sockets in
        let peer = sockets[0]
        // Nothing is read until the server has closed its end.
        try await waitUntil("the server gives up") { try !Self.isEstablished(at: port, with: peer) }
        let length = await onThread { HTTPExchange.rest(of: peer).count }
        #expect(length < source.exposition.utf8.count)
      }
    }
  }

  /// Returns whether the server's end of this connection is open. The client can't see this, because unread bytes hide the end of the
  /// connection.
  private static func isEstablished(at port: Int, with socket: Int32) throws -> Bool {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &size) }
    }
    func suffix(_ port: Int) -> String { ":" + String(0x10000 + port, radix: 16, uppercase: true).dropFirst() }
    let (own, peer) = (suffix(port), suffix(Int(UInt16(bigEndian: address.sin_port))))
    return try connections().split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      return fields.count > 3 && fields[1].hasSuffix(own) && fields[2].hasSuffix(peer) && fields[3] == "01"
    }
  }

  /// Returns the whole file. Foundation reads only one piece of a file whose size is reported as 0.
  private static func connections() throws -> String {
    let file = try #require(FileHandle(forReadingAtPath: "/proc/net/tcp"))
    var all = Data()
    while let piece = try file.read(upToCount: 65_536), !piece.isEmpty { all += piece }
    return String(decoding: all, as: UTF8.self)
  }
}
