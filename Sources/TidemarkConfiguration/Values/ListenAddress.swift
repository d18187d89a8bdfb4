internal import TidemarkCore

/// The address of the HTTP server: `off`, or `host:port` with an IPv6 host in brackets.
package enum ListenAddress: Hashable, Sendable {
  case off
  case address(host: String, port: Int)

  /// Parses an address; nil if host or port is missing. Port 0 lets the system choose a port.
  package init?(_ text: String) {
    if text == "off" {
      self = .off
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    var host = text[..<colon]
    let digits = text[text.index(after: colon)...]
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { return nil }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "/@[]".contains($0) }) else { return nil }
    self = .address(host: String(host), port: Int(port))
  }

  /// Whether only this machine can reach the address. A name other than `localhost` counts as reachable from elsewhere.
  package var isLoopback: Bool {
    switch self {
    case .off: true
    case .address(let host, _): LoopbackHost.contains(host)
    }
  }
}

extension ListenAddress: CustomStringConvertible {
  package var description: String {
    switch self {
    case .off: "off"
    case .address(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}
