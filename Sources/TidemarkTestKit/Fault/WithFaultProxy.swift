/// Runs `body` with a fault proxy before `host` and `port`; it ends with the body, however that ends, and with it all connections
/// through it.
@discardableResult
package func withFaultProxy<Result>(
  to host: String = "127.0.0.1", _ port: Int, isolation: isolated (any Actor)? = #isolation,
  _ body: (FaultProxy) async throws -> Result
) async throws -> Result {
  let proxy = FaultProxy(to: host, port)
  do {
    try await proxy.start()
    let result = try await body(proxy)
    await proxy.close()
    return result
  } catch {
    await proxy.close()
    throw error
  }
}
