internal import TidemarkCore

/// Asks Sentinels for the master of a service, following the guidelines for Redis Sentinel clients.
struct SentinelDirectory: Sendable {
  private static let channel = "+switch-master"
  private static let name = "tidemark-sentinel"

  private let configuration: RedisConfiguration
  private let service: String
  private let sentinels: [RedisNode]

  init(_ configuration: RedisConfiguration, service: String, sentinels: [RedisNode]) {
    var own = configuration.hurried
    own.username = configuration.sentinelUsername
    own.password = configuration.sentinelPassword
    own.passwordSource = configuration.sentinelPasswordSource
    own.database = 0
    self.configuration = own
    self.service = service
    self.sentinels = sentinels
  }

  /// - Throws: `connectFailed`, with the Sentinels' answers, if no Sentinel answers or knows the service.
  func master() async throws -> RedisNode {
    try await first { _, connection in try await master(on: connection) }
  }

  /// Returns once the service has a master other than `known`; the failover may precede the call. Throws when the subscribed Sentinel is
  /// gone.
  func masterOther(than known: RedisNode?) async throws -> RedisNode {
    try await first { sentinel, listening in
      let (switches, end) = AsyncThrowingStream<RedisReply, any Error>.makeStream()
      let asking = try await configuration.open(sentinel, name: Self.name)
      defer { Task { await asking.close() } }
      try await listening.subscribe(to: [Self.channel]) { event in
        switch event {
        case .success(let message): end.yield(message.payload)
        case .failure(let error): end.finish(throwing: error)
        }
      }
      await listening.keepPinging()
      let now = try await master(on: asking)
      if now != known { return now }
      for try await payload in switches {
        // The payload has the service's name, the old address and the new address.
        let words = (payload.text ?? "").split(separator: " ")
        guard words.count == 5, words[0] == service, let port = Int(words[4]) else { continue }
        return RedisNode(host: String(words[3]), port: port)
      }
      throw CancellationError()
    }
  }

  private func first<Answer: Sendable>(_ ask: (RedisNode, RedisConnection) async throws -> Answer) async throws -> Answer {
    try await configuration.firstAnswer(
      of: sentinels, name: Self.name, failure: { "no Sentinel names the master of '\(service)' (\($0))" }, ask)
  }

  private func master(on connection: RedisConnection) async throws -> RedisNode {
    let reply = try await connection.send(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", .text(service)]).orThrow()
    guard let parts = reply.elements, parts.count == 2, let host = parts[0].text, let port = parts[1].number else {
      throw RedisError(.connectFailed, "it does not know the service '\(service)'; correct the name in redis.url")
    }
    return RedisNode(host: host, port: Int(port))
  }
}
