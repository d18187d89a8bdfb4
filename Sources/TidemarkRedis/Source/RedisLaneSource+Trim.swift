package import TidemarkCore

extension RedisLaneSource {
  /// The largest number of entries that one command removes, because the server is blocked meanwhile.
  private static let step = 10_000

  package func trim(_ cuts: [TrimCut], over connection: WriteConnection) async throws -> [Result<Int, SourceError>] {
    try await onCommands(over: connection) { [lanes] connection in
      var trimmed: [Result<Int, SourceError>] = []
      for cut in cuts {
        do {
          trimmed.append(.success(try await TrimScript.trim(cut, most: Self.step, in: lanes, on: connection)))
        } catch let error as RedisError where error.code == .server && ServerErrorClass.concernsKey(error.message) {
          trimmed.append(.failure(.refusing(cut.lane, "lane \(cut.lane) can't be trimmed: ", error.message)))
        }
      }
      return trimmed
    }
  }
}
