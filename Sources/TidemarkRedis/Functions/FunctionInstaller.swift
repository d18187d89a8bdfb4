internal import TidemarkCore

/// Keeps the function library installed on every server of a Redis: the one server, or every master of a Cluster. Replicas get it from their
/// masters, but a new and empty server has none. Errors are ``RedisError``, and ``LibraryVerdict/Refusal``.
package struct FunctionInstaller: Sendable {
  package let library: FunctionLibrary
  private let keyspace: RedisKeyspace

  /// Creates the installer and opens no connection.
  package init(prefix: String, redis: RedisConfiguration) {
    library = FunctionLibrary(prefix: prefix)
    keyspace = RedisKeyspace(redis, name: "tidemark-functions")
  }

  package func close() async { await keyspace.close() }

  /// Installs the library on each server that lacks it or has an older version. Returns the addresses of the servers on which it was
  /// installed. All servers are tried before the first error is thrown.
  ///
  /// - Parameter isThorough: also finds out for which prefix a library of this version was installed. A check every second need not.
  package func install(isThorough: Bool = false) async throws -> [String] {
    try await onEach { connection in
      if !isThorough, try await library.isCurrent(on: connection) { return false }
      switch try await library.install(on: connection) {
      case .install: return true
      case .current, .newer: return false
      case .refused(let refusal): throw refusal
      }
    }
  }

  /// Returns the addresses of the servers on which ``install(isThorough:)`` would install the library.
  package func pending() async throws -> [String] {
    try await onEach { connection in
      switch try await library.verdict(on: connection) {
      case .install: return true
      case .current, .newer: return false
      case .refused(let refusal): throw refusal
      }
    }
  }

  private func onEach(_ body: (RedisConnection) async throws -> Bool) async throws -> [String] {
    var addresses: [String] = []
    var failure: (any Error)?
    for connection in try await keyspace.connections() {
      do {
        if try await body(connection) { addresses.append(connection.address) }
      } catch {
        failure = failure ?? error
      }
    }
    guard let failure else { return addresses }
    // The server may be a replica by now; the next call connects again and finds the master.
    await keyspace.close()
    throw failure
  }
}
