internal import TidemarkCore

extension RedisConfiguration {
  /// The hosts on other machines that receive a password in clear text; empty with TLS, and without a password.
  package var hostsToldInClearText: [String] {
    guard tls == nil else { return [] }
    let servers: [String]
    switch endpoint {
    case .unix: return []
    case .tcp(let host, _): servers = password == nil ? [] : [host]
    case .cluster(let seeds): servers = password == nil ? [] : seeds.map(\.host)
    // Only the Sentinels know the servers of the service, which are assumed to be on the Sentinels' machines.
    case .sentinel(_, let sentinels): servers = password == nil && sentinelPassword == nil ? [] : sentinels.map(\.host)
    }
    return servers.filter { !LoopbackHost.contains($0) }
  }
}
