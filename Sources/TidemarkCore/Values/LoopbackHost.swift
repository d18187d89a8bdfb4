/// Recognises names and addresses that always lead to this machine.
package enum LoopbackHost {
  /// Returns whether the host is this machine. Every name but `localhost` counts as foreign, because it may lead anywhere;
  /// `127.0.0.1.example.org` is such a name.
  package static func contains(_ host: String) -> Bool {
    let name = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    return name.lowercased() == "localhost" || name == "::1" || isIPv4(name)
  }

  private static func isIPv4(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
