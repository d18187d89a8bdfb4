internal import NIOPosix

/// Sentinels, and the nodes of a Cluster, all know the same: they are asked one after the other, and the first answer counts.
extension RedisConfiguration {
  /// One that does not answer is to be passed over quickly.
  var hurried: RedisConfiguration {
    var hurried = self
    hurried.connectTimeout = min(connectTimeout, .seconds(1))
    hurried.commandTimeout = min(commandTimeout, .seconds(1))
    return hurried
  }

  /// One of them, not a master that they know.
  func open(_ node: RedisNode, name: String) async throws -> RedisConnection {
    try await RedisConnection.open(at(node), name: name, on: MultiThreadedEventLoopGroup.singleton)
  }

  /// - Parameters:
  ///   - failure: what to say where none answers, given what each of them said.
  ///   - endsAll: whether an error is thrown at once, since no other would answer otherwise.
  /// - Throws: `connectFailed` where none answers.
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
