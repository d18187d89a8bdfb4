internal import NIOPosix
internal import TidemarkCore

/// Asks Sentinels for the master of a service, as the guideline for clients of Redis Sentinel says: one after the other, and the first answer
/// counts.
struct SentinelDirectory: Sendable {
  /// An unreachable Sentinel is to be passed over quickly: the next one knows as much.
  private static let patience = Duration.seconds(1)
  private static let channel = "+switch-master"

  private let configuration: RedisConfiguration
  private let service: String
  private let sentinels: [RedisNode]

  init(_ configuration: RedisConfiguration, service: String, sentinels: [RedisNode]) {
    var own = configuration
    own.username = configuration.sentinelUsername
    own.password = configuration.sentinelPassword
    own.database = 0
    own.connectTimeout = min(configuration.connectTimeout, Self.patience)
    own.commandTimeout = min(configuration.commandTimeout, Self.patience)
    self.configuration = own
    self.service = service
    self.sentinels = sentinels
  }

  /// - Throws: `connectFailed` where no Sentinel answers, or none knows the service; with what each said.
  func master() async throws -> RedisNode {
    try await first { connection in try await Self.master(of: service, on: connection) }
  }

  /// Returns once the service has another master than `known`; a failover may have been before the call. Throws when the Sentinel that was
  /// listened to is gone.
  func masterOther(than known: RedisNode?) async throws -> RedisNode {
    try await first { connection in
      let (switches, end) = AsyncThrowingStream<RedisReply, any Error>.makeStream()
      let asking = try await open(connection.sentinel)
      defer { Task { await asking.close() } }
      try await connection.connection.subscribe(to: [Self.channel]) { event in
        switch event {
        case .success(let message): end.yield(message.payload)
        case .failure(let error): end.finish(throwing: error)
        }
      }
      await connection.connection.keepPinging()
      let now = try await Self.master(of: service, on: (connection.sentinel, asking))
      if now != known { return now }
      for try await payload in switches {
        // The name, the old address, the new address.
        let words = (payload.text ?? "").split(separator: " ")
        guard words.count == 5, words[0] == service, let port = Int(words[4]) else { continue }
        return RedisNode(host: String(words[3]), port: port)
      }
      throw CancellationError()
    }
  }

  private typealias Connected = (sentinel: RedisNode, connection: RedisConnection)

  private func open(_ sentinel: RedisNode) async throws -> RedisConnection {
    try await RedisConnection.open(configuration.at(sentinel), name: "tidemark-sentinel", on: MultiThreadedEventLoopGroup.singleton)
  }

  /// Asks the Sentinels in order until one answers.
  private func first<Answer: Sendable>(_ ask: (Connected) async throws -> Answer) async throws -> Answer {
    var failures: [String] = []
    for sentinel in sentinels {
      do {
        let connection = try await open(sentinel)
        do {
          let answer = try await ask((sentinel, connection))
          await connection.close()
          return answer
        } catch {
          await connection.close()
          throw error
        }
      } catch let error as RedisError {
        failures.append("\(sentinel): \(error.message)")
      }
    }
    throw RedisError(.connectFailed, "no Sentinel names the master of '\(service)' (\(failures.joined(separator: "; ")))")
  }

  private static func master(of service: String, on connected: Connected) async throws -> RedisNode {
    let reply = try await connected.connection.send(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", .text(service)]).orThrow()
    guard let parts = reply.elements, parts.count == 2, let host = parts[0].text, let port = parts[1].number else {
      throw RedisError(.connectFailed, "it knows no service '\(service)'; correct the name in redis.url")
    }
    return RedisNode(host: host, port: Int(port))
  }
}
