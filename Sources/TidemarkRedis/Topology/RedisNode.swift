/// One of several servers that belong together, by its address.
package struct RedisNode: Hashable, Sendable, CustomStringConvertible {
  package var host: String
  package var port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

  /// As Redis writes it in a redirection: the last colon is before the port, also of an IPv6 address without brackets.
  init?(redirection text: Substring) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else {
      return nil
    }
    host = String(text[..<colon])
    self.port = port
  }
}
