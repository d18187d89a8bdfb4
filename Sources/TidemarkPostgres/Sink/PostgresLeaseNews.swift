internal import TidemarkCore

/// Listens to the channel of the schema, over a session of its own.
actor PostgresLeaseNews: LeaseNews {
  /// After so long without a word the server is asked whether it is still there.
  static let patience = Duration.seconds(30)

  private let connection: PostgresConnection
  private let listen: String
  private let settings: SinkSettings

  nonisolated var unownedExecutor: UnownedSerialExecutor { connection.unownedExecutor }

  init(connection: PostgresConnection, listen: String, settings: SinkSettings) {
    self.connection = connection
    self.listen = listen
    self.settings = settings
  }

  func next() async throws {
    do {
      guard await connection.isUsable else {
        return try await connect()
      }
      while try await !connection.isNotified(within: Self.patience) {
        try await connection.script("SELECT 1", deadline: settings.queryDeadline)
      }
    } catch let error as PostgresError {
      if error.kind == .cancelled { throw CancellationError() }
      throw SinkError(error)
    }
  }

  private func connect() async throws {
    try await connection.connect(deadline: settings.connectDeadline)
    do {
      try await connection.script(listen, deadline: settings.queryDeadline)
    } catch {
      // One that does not listen would be waited for in vain.
      await connection.close()
      throw error
    }
  }

  func close() async {
    await connection.close()
  }
}
