/// Runs `body` with a primary and its standby; both end with it however it ends.
@discardableResult
package func withPostgresPair<Result>(
  settings: [String: String] = [:], isolation: isolated (any Actor)? = #isolation, _ body: (PostgresPair) async throws -> Result
) async throws -> Result {
  let pair = PostgresPair(settings: settings)
  do {
    try await pair.start()
    let result = try await body(pair)
    await pair.close()
    return result
  } catch {
    await pair.close()
    throw error
  }
}
