/// Names and addresses that lead to this machine and to no other.
package enum LoopbackHost {
  /// A name other than `localhost` may lead anywhere, `127.0.0.1.example.org` among them.
  package static func contains(_ host: String) -> Bool {
    let name = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    return name.lowercased() == "localhost" || name == "::1" || isIPv4(name)
  }

  private static func isIPv4(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
