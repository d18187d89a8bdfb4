import Foundation
import Synchronization
import Testing
import TidemarkConfiguration
import TidemarkCore

@testable import TidemarkAdmin

/// `/api/tune` over HTTP.
@Suite struct TuneRouteTests {
  private static let token = "0123456789abcdef0123456789abcdef"
  private static let bearer = ["Authorization": "Bearer \(token)"]

  private func post(_ body: String, port: Int, headers: [String: String] = bearer) async throws -> HTTPExchange {
    try await HTTPExchange.send("POST", "/api/tune", port: port, headers: headers, body: body)
  }

  @Test func `the settings are listed with source, bounds, unit and when they apply`() async throws {
    try await withAdminServer(token: Self.token) { port in
      let answer = try await HTTPExchange.send("GET", "/api/tune", port: port, headers: Self.bearer)
      #expect(answer.status == 200)
      let listing = try JSONDecoder().decode(TuneListing.self, from: Data(answer.body.utf8))
      let entries = try #require(listing.settings.first { $0.key == "batch.max_entries" })
      #expect(entries.value == "5000" && entries.source == "default" && entries.bounds == "1 to 1000000" && entries.unit == "number")
      #expect(entries.applies == "with the next transaction" && entries.perLane)
      let level = try #require(listing.settings.first { $0.key == "log.level" })
      #expect(level.applies == "at once" && !level.perLane)
      #expect(!listing.settings.contains { $0.key == "postgres.writers" || $0.key == "retention.changes" })
    }
  }

  @Test func `a change needs the token, also on loopback`() async throws {
    let orders = Mutex<[TuneOrder]>([])
    let source = SampleSource(orders: { order in
      orders.withLock { $0.append(order) }
      return TuneChange(change: 7, undoes: nil, settings: [])
    })
    try await withAdminServer(source) { port in
      let answer = try await post(#"{"undo": true}"#, port: port, headers: [:])
      #expect(answer.status == 403 && answer.body.contains("http.token_file"))
    }
    try await withAdminServer(source, token: Self.token) { port in
      for headers in [[:], ["Authorization": "Bearer \(Self.token)x"], ["Authorization": "Basic \(Self.token)"]] {
        let answer = try await post(#"{"undo": true}"#, port: port, headers: headers)
        #expect(answer.status == 401 && answer.headers["www-authenticate"] == "Bearer")
        #expect(try await HTTPExchange.send("GET", "/api/tune", port: port, headers: headers).status == 401)
      }
      #expect(orders.withLock { $0 } == [])
      let answer = try await post(
        #"{"set": {"batch.max_entries": 10, "log.level": "debug"}, "lanes": "orders:*", "by": "ana", "why": "slow"}"#, port: port)
      #expect(answer.status == 200 && answer.body.contains("\"change\":7"))
      #expect(
        orders.withLock { $0 } == [
          TuneOrder(
            .set([.init(key: "batch.max_entries", value: "10"), .init(key: "log.level", value: "debug")]), lanes: "orders:*",
            by: "ana (http)", why: "slow")
        ])
    }
  }

  @Test func `what is refused says why, and nothing is half done`() async throws {
    let source = SampleSource(orders: { order in
      switch order.action {
      case .set: throw TuneRefusal(.wrong, "tune: batch.max_entries is 0, below 1; use 1 to 1000000")
      case .reset: throw SinkError(.fault(.world), "connection refused")
      case .undo: throw TuneRefusal(.nothing, "tune: there is no change to take back")
      }
    })
    try await withAdminServer(source, token: Self.token) { port in
      let wrong = try await post(#"{"set": {"batch.max_entries": 0}}"#, port: port)
      #expect(wrong.status == 400 && wrong.body.contains("below 1"))
      #expect(try await post(#"{"undo": true}"#, port: port).status == 409)
      #expect(try await post(#"{"reset": []}"#, port: port).status == 503)
      #expect(try await post("{\"why\": \"\(String(repeating: "x", count: 70_000))\"}", port: port).status == 413)
      let put = try await HTTPExchange.send("PUT", "/api/tune", port: port, headers: Self.bearer)
      #expect(put.status == 405 && put.headers["allow"] == "GET, HEAD, POST")
      let foreign = try await post(#"{"undo": true}"#, port: port, headers: Self.bearer.merging(["Host": "evil.example"]) { $1 })
      #expect(foreign.status == 403)
    }
  }

  @Test(arguments: [
    "", "[]", "{", "{}", #"{"set": {}}"#, #"{"set": {"a": [1]}}"#, #"{"set": {"a": "1"}, "undo": true}"#, #"{"undo": false}"#,
    #"{"undo": true, "lanes": "a"}"#, #"{"reset": "a"}"#, #"{"reset": [{}]}"#, #"{"set": {"a": "1"}, "why": 1.5}"#,
    #"{"set": {"a": "1"}, "lanes": ""}"#, #"{"sett": {"a": "1"}}"#,
  ])
  func `a body that is no order is refused with the form that is expected`(body: String) {
    #expect {
      _ = try TuneBody.order(body)
    } throws: { error in
      (error as? TuneRefusal)?.kind == .wrong && (error as? TuneRefusal)?.lines.first?.contains("\"batch.max_entries\"") == true
    }
  }

  @Test func `orders of all forms are read`() throws {
    #expect(try TuneBody.order(#"{"reset": ["a", "b"]}"#) == TuneOrder(.reset(["a", "b"]), by: "http"))
    #expect(try TuneBody.order(#"{"undo": true, "why": "x"}"#) == TuneOrder(.undo, by: "http", why: "x"))
    #expect(
      try TuneBody.order(#"{"set": {"trim.enabled": false}}"#) == TuneOrder(.set([.init(key: "trim.enabled", value: "false")]), by: "http"))
  }
}
