import Foundation
import Logging
import Testing

@testable import TidemarkAdmin

@Suite struct AdminServerTests {
  private static let token = "0123456789abcdef0123456789abcdef"

  @Test func `metrics, probes, status and page are served`() async throws {
    try await withAdminServer { port in
      let metrics = try await HTTPExchange.send("GET", "/metrics", port: port)
      #expect(metrics.status == 200)
      #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      #expect(metrics.body == "# HELP tidemark_up x\n")
      let alive = try await HTTPExchange.send("GET", "/livez", port: port)
      #expect(alive.status == 200)
      #expect(alive.body == "ok\n")
      let ready = try await HTTPExchange.send("GET", "/readyz?verbose", port: port)
      #expect(ready.status == 200)
      #expect(ready.body == "{\"reasons\":[]}\n")
      let status = try await HTTPExchange.send("GET", "/api/status", port: port)
      #expect(status.status == 200)
      #expect(status.headers["content-type"] == "application/json")
      let report = try JSONDecoder().decode(StatusReport.self, from: Data(status.body.utf8))
      #expect(report.lanes.map(\.lane) == ["tidemark:{0}:changes"])
      let page = try await HTTPExchange.send("GET", "/", port: port)
      #expect(page.status == 200)
      #expect(page.headers["content-type"] == "text/html; charset=utf-8")
      #expect(page.body.hasPrefix("<!doctype html>"))
      #expect(try await HTTPExchange.send("GET", "/favicon.ico", port: port).status == 404)
    }
  }

  @Test func `a worker that is not ready says why as JSON`() async throws {
    let source = SampleSource(
      reasons: ["postgres: connection refused; start it, or correct postgres.url", "a \"quote\""], isTurning: false)
    try await withAdminServer(source) { port in
      let ready = try await HTTPExchange.send("GET", "/readyz", port: port)
      #expect(ready.status == 503)
      #expect(ready.headers["content-type"] == "application/json")
      #expect(try JSONDecoder().decode([String: [String]].self, from: Data(ready.body.utf8)) == ["reasons": source.reasons])
      #expect(try await HTTPExchange.send("GET", "/livez", port: port).status == 503)
    }
  }

  @Test func `HEAD answers as GET would, without the body`() async throws {
    try await withAdminServer { port in
      let head = try await HTTPExchange.send("HEAD", "/metrics", port: port)
      #expect(head.status == 200)
      #expect(head.body.isEmpty)
      #expect(head.headers["content-length"] == "21")
    }
  }

  @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
  func `nothing but GET and HEAD is allowed`(method: String) async throws {
    try await withAdminServer { port in
      for path in ["/", "/metrics", "/api/status", "/nowhere"] {
        let answer = try await HTTPExchange.send(method, path, port: port)
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == "GET, HEAD")
      }
    }
  }

  @Test func `a token protects page and status, and neither metrics nor probes`() async throws {
    try await withAdminServer(token: Self.token) { port in
      for path in ["/metrics", "/livez", "/readyz"] { #expect(try await HTTPExchange.send("GET", path, port: port).status == 200) }
      let (long, short) = ("Bearer \(Self.token)x", "Bearer \(Self.token.dropLast())")
      for wrong in ["", "Bearer", "Bearer ", long, short, "Basic \(Self.token)", Self.token] {
        for path in ["/", "/api/status"] {
          let answer = try await HTTPExchange.send("GET", path, port: port, headers: ["Authorization": wrong])
          #expect(answer.status == 401)
          #expect(answer.headers["www-authenticate"] == "Bearer")
          #expect(!answer.body.contains("tidemark:{0}"))
        }
      }
      // The page itself is served without a token, because it contains no data and asks for the token.
      #expect(try await HTTPExchange.send("GET", "/", port: port).body.contains("This page needs the token"))
      for right in ["Bearer \(Self.token)", "bearer  \(Self.token)"] {
        for path in ["/", "/api/status"] {
          #expect(try await HTTPExchange.send("GET", path, port: port, headers: ["Authorization": right]).status == 200)
        }
      }
    }
  }

  @Test func `on loopback a foreign name is refused, whatever is asked`() async throws {
    try await withAdminServer { port in
      for host in ["evil.example", "evil.example:\(port)", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]:80"] {
        for path in ["/", "/metrics", "/api/status"] {
          let answer = try await HTTPExchange.send("GET", path, port: port, headers: ["Host": host])
          #expect(answer.status == 403, "\(host)")
        }
      }
      for host in ["localhost", "LOCALHOST:1", "127.0.0.1:\(port)", "[::1]", "[::1]:\(port)"] {
        let answer = try await HTTPExchange.send("GET", "/metrics", port: port, headers: ["Host": host])
        #expect(answer.status == 200, "\(host)")
      }
    }
  }

  @Test func `every answer forbids sniffing, framing and keeping, and the page runs only its own script`() async throws {
    try await withAdminServer { port in
      for path in ["/", "/metrics", "/readyz", "/api/status", "/nowhere"] {
        let answer = try await HTTPExchange.send("GET", path, port: port)
        #expect(answer.headers["x-content-type-options"] == "nosniff")
        #expect(answer.headers["cache-control"] == "no-store")
        let policy = try #require(answer.headers["content-security-policy"])
        #expect(policy.hasPrefix("default-src 'none'"))
        #expect(policy.contains("frame-ancestors 'none'"))
        #expect(!policy.contains("unsafe"))
      }
      let pages = try await [HTTPExchange.send("GET", "/", port: port), HTTPExchange.send("GET", "/", port: port)]
      let nonces = try pages.map { page in
        let policy = try #require(page.headers["content-security-policy"])
        let nonce = try #require(policy.firstMatch(of: #/script-src 'nonce-([0-9a-f]+)'/#)).1
        #expect(page.body.contains("<script nonce=\"\(nonce)\">"))
        #expect(page.body.contains("<style nonce=\"\(nonce)\">"))
        return nonce
      }
      #expect(nonces[0] != nonces[1])
      #expect(!pages[0].body.contains("https://"))
      #expect(!pages[0].body.contains("innerHTML"))
    }
  }

  @Test func `a port that is taken is one clear line`() async throws {
    try await withAdminServer { port in
      let second = AdminServer(
        settings: try AdminSettings(host: "127.0.0.1", port: port, token: nil), source: SampleSource(), logger: Logger(label: "test"))
      let error = await #expect(throws: AdminError.self) { try await second.run() }
      #expect(
        error?.description
          == "http.listen: 127.0.0.1:\(port) is in use by another program; stop it, or set http.listen to another port")
    }
  }

  @Test func `a certificate that is none is one clear line`() async throws {
    let settings = try AdminSettings(
      host: "127.0.0.1", port: 0, token: nil, tls: .init(certificateFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem"))
    let server = AdminServer(settings: settings, source: SampleSource(), logger: Logger(label: "test"))
    let error = await #expect(throws: AdminError.self) { try await server.run() }
    #expect(error?.description.hasPrefix("http.tls: /nowhere/cert.pem and /nowhere/key.pem can't be used") == true)
    #expect(error?.description.contains("\n") == false)
  }
}
