import Foundation
import Glibc
import TidemarkTestKit

@testable import TidemarkAdmin

/// A server's answer, byte for byte.
struct HTTPExchange {
  var status: Int
  /// The headers with their names in lower case.
  var headers: [String: String]
  var body: String

  /// Sends a request over its own connection. It is written by hand, because no HTTP client lets a test send an arbitrary Host header.
  static func send(_ method: String, _ path: String, port: Int, headers: [String: String] = [:], body: String = "") async throws
    -> HTTPExchange
  {
    var lines = ["\(method) \(path) HTTP/1.1", "Connection: close"]
    for (name, value) in headers.merging(["Host": "localhost:\(port)"], uniquingKeysWith: { given, _ in given }) where !value.isEmpty {
      lines.append("\(name): \(value)")
    }
    if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
    let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    // The exchange runs on a thread that may block, because the server answers on the threads of the tasks.
    let answer = try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result { try exchange(Array(text.utf8), port: port) }) }
    }
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let head = parts[0].components(separatedBy: "\r\n")
    var fields: [String: String] = [:]
    for line in head.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let code = head[0].split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return HTTPExchange(status: code ?? 0, headers: fields, body: parts.count > 1 ? String(parts[1]) : "")
  }

  private static func exchange(_ request: [UInt8], port: Int) throws -> String {
    let socket = try open(request, port: port)
    defer { close(socket) }
    return String(decoding: rest(of: socket), as: UTF8.self)
  }

  /// Returns all bytes until the server closes the connection or is silent for half a minute.
  static func rest(of socket: Int32) -> [UInt8] {
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while case let count = recv(socket, &piece, piece.count, 0), count > 0 { answer += piece[..<count] }
    return answer
  }

  /// Returns whether the server has closed the connection; false after half a minute without bytes.
  static func isClosed(_ socket: Int32) -> Bool {
    var byte: UInt8 = 0
    let count = recv(socket, &byte, 1, 0)
    return count == 0 || (count < 0 && errno == ECONNRESET)
  }

  /// Returns a socket over which these bytes were sent.
  static func open(_ request: [UInt8], port: Int, receiveBuffer: Int32? = nil) throws -> Int32 {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw POSIXError(.EMFILE) }
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    if var receiveBuffer { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
    }
    guard connected == 0, Glibc.send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      close(socket)
      throw POSIXError(.ECONNREFUSED)
    }
    return socket
  }
}

/// Runs `body` with a server on a free loopback port; the server ends with `body`.
func withAdminServer(
  _ source: any AdminSource = SampleSource(), token: String? = nil, tls: AdminSettings.TLS? = nil, limits: ConnectionLimits = .init(),
  _ body: @Sendable (_ port: Int) async throws -> Void
) async throws {
  let (urls, opened) = AsyncStream.makeStream(of: String.self)
  var server = AdminServer(
    settings: try AdminSettings(host: "127.0.0.1", port: 0, token: token, tls: tls), source: source, logger: .init(label: "test")
  ) { opened.yield($0) }
  server.limits = limits
  try await withThrowingTaskGroup { group in
    group.addTask { [server] in try await server.run() }
    let port = await urls.first { _ in true }.flatMap { URL(string: $0)?.port } ?? 0
    try await body(port)
    group.cancelAll()
    // The cancelled server may throw.
    while let result = await group.nextResult() { _ = result }
  }
}
