internal import NIOPosix
internal import TidemarkCore

/// Asks one of several equal servers. Sentinels, and the nodes of a Cluster, are asked one after the other, and the first answer counts.
extension RedisConfiguration {
  /// The configuration with short timeouts, so that a server without an answer is skipped quickly.
  var hurried: RedisConfiguration {
    var hurried = self
    hurried.connectTimeout = min(connectTimeout, .seconds(1))
    hurried.commandTimeout = min(commandTimeout, .seconds(1))
    return hurried
  }

  /// Connects to one of the servers itself, not to a master that it knows.
  func open(_ node: RedisNode, name: String) async throws -> RedisConnection {
    try await RedisConnection.open(at(node), name: name, on: MultiThreadedEventLoopGroup.singleton)
  }

  /// Returns the first answer of the servers.
  ///
  /// - Parameters:
  /// - failure: returns the message if no server answers, from the servers' errors.
  /// - endsAll: whether an error is thrown at once, because every other server would reply with it, too.
  /// - Throws: `connectFailed` if no server answers.
  func firstAnswer<Answer: Sendable>(
    of nodes: [RedisNode], name: String, failure: (String) -> String, endsAll: (RedisError) -> Bool = { _ in false },
    _ ask: (RedisNode, RedisConnection) async throws -> Answer
  ) async throws -> Answer {
    var failures: [String] = []
    for node in nodes {
      do {
        let connection = try await open(node, name: name)
        do {
          let answer = try await ask(node, connection)
          await connection.close()
          return answer
        } catch {
          await connection.close()
          throw error
        }
      } catch let error as RedisError where !endsAll(error) {
        failures.append("\(node): \(error.message)")
      }
    }
    throw RedisError(.connectFailed, failure(failures.joined(separator: "; ")))
  }
}
