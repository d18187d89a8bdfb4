internal import TidemarkCore

extension RedisConfiguration {
  /// Hosts on other machines to which a password goes in clear text; empty with TLS, and where there is no password.
  package var hostsToldInClearText: [String] {
    guard tls == nil else { return [] }
    let servers: [String]
    switch endpoint {
    case .unix: return []
    case .tcp(let host, _): servers = password == nil ? [] : [host]
    case .cluster(let seeds): servers = password == nil ? [] : seeds.map(\.host)
    // The servers of the service are known to the Sentinels alone: they are where these are.
    case .sentinel(_, let sentinels): servers = password == nil && sentinelPassword == nil ? [] : sentinels.map(\.host)
    }
    return servers.filter { !LoopbackHost.contains($0) }
  }
}
