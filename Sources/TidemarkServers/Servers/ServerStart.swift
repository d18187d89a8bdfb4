import Foundation

/// Starts a server on a port and waits until it answers; where somebody took the port meanwhile, tries again with another.
package enum ServerStart {
  private static let attempts = 5

  /// - Parameters:
  ///   - name: for messages: `Redis`, `Postgres`.
  ///   - fixedPort: the only one that may be used; nil is any free one.
  ///   - giveUpSignal: ends a server that does not answer.
  package static func run(
    _ name: String, port fixedPort: Int?, logPath: String, giveUpSignal: Int32,
    command: (_ port: Int) async throws -> SupervisedProcess.Command, isReady: (_ port: Int) async throws -> Bool
  ) async throws -> (port: Int, process: SupervisedProcess) {
    var attempt = 1
    while true {
      let port = try fixedPort ?? FreePort.next()
      let process = try await SupervisedProcess.launch(await command(port))
      do {
        try await waitUntil("\(name) on port \(port) answers", within: .seconds(60)) {
          guard process.isRunning else {
            throw ServerError(.startFailed, "\(name) did not start: \(ServerLog.tail(logPath))")
          }
          return try await isReady(port)
        }
        return (port, process)
      } catch {
        await process.stop(giveUpSignal)
        guard fixedPort == nil, attempt < attempts, ServerLog.portIsTaken(logPath) else { throw error }
        unlink(logPath)
        attempt += 1
      }
    }
  }
}
