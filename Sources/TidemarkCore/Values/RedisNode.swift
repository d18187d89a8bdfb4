/// The address of one of several servers that belong together.
package struct RedisNode: Hashable, Sendable, CustomStringConvertible {
  package var host: String
  package var port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

  /// Parses an address in a redirection: the last colon precedes the port, even after an IPv6 address without brackets.
  package init?(redirection text: Substring) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else {
      return nil
    }
    host = String(text[..<colon])
    self.port = port
  }
}
