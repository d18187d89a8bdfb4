/// Decides which requests are allowed.
package struct AdminAccess: Sendable {
  /// Whether only this machine can reach the server.
  package var isLoopback: Bool
  /// The host of `http.listen`.
  package var host: String
  /// The token that requests must send; nil if none is configured.
  package var token: String?

  package init(isLoopback: Bool, host: String, token: String?) {
    self.isLoopback = isLoopback
    self.host = host
    self.token = token
  }

  /// Returns whether the Host header is allowed. On loopback it must name this machine, because a page of another origin whose name was
  /// made to resolve to 127.0.0.1 (DNS rebinding) sends its own name. A request without the header does not come from a browser.
  func allows(host header: String?) -> Bool {
    guard isLoopback, let header else { return true }
    let name = Self.name(of: header).lowercased()
    return ["localhost", "127.0.0.1", "[::1]", host.contains(":") ? "[\(host.lowercased())]" : host.lowercased()].contains(name)
  }

  /// Returns whether this request may access more than metrics and probes.
  func allows(authorization: String?) -> Bool {
    guard let token else { return isLoopback }
    let scheme = "bearer "
    guard let authorization, authorization.lowercased().hasPrefix(scheme) else { return false }
    return Self.isSame(authorization.utf8.dropFirst(scheme.utf8.count).drop { $0 == 0x20 }, as: token.utf8)
  }

  /// Returns whether this request may change something. That requires the token, on loopback, too: a page of another origin can send
  /// requests to this machine, and can't know the token.
  func allowsChange(authorization: String?) -> Bool { token != nil && allows(authorization: authorization) }

  /// Returns the host without its port.
  private static func name(of host: String) -> Substring {
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return host[...end] }
    return host.prefix { $0 != ":" }
  }

  /// Compares in constant time, so that the time reveals nothing about the token.
  private static func isSame(_ given: some Collection<UInt8>, as expected: String.UTF8View) -> Bool {
    var difference = given.count ^ expected.count
    var index = given.startIndex
    for byte in expected {
      var other: UInt8 = 0
      if index < given.endIndex {
        other = given[index]
        given.formIndex(after: &index)
      }
      difference |= Int(byte ^ other)
    }
    return difference == 0
  }
}
