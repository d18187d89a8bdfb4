package import TidemarkConfiguration

/// The address of the HTTP server, and its requirements for requests.
package struct AdminSettings: Sendable {
  /// The paths of PEM files.
  package struct TLS: Sendable {
    package var certificateFile: String
    package var keyFile: String
  }

  package var host: String
  /// The port; 0 lets the system choose one.
  package var port: Int
  package var access: AdminAccess
  package var tls: TLS?

  package init(host: String, port: Int, token: String?, tls: TLS? = nil) throws(AdminError) {
    let isLoopback = ListenAddress.address(host: host, port: port).isLoopback
    guard isLoopback || token != nil else {
      throw AdminError(
        "http.listen: \(ListenAddress.address(host: host, port: port)) can be reached from other machines, which requires a token; "
          + "set http.token_file, or listen on 127.0.0.1")
    }
    self.host = host
    self.port = port
    self.tls = tls
    access = AdminAccess(isLoopback: isLoopback, host: host, token: token)
  }

  /// Reads the token's file. Nil if `http.listen` is `off`.
  package init?(
    _ http: Configuration.HTTP, files: any ConfigurationFileSystem = LocalFileSystem()
  ) throws(AdminError) {
    guard case .address(let host, let port) = http.listen else { return nil }
    let token = try http.tokenFile.map { path throws(AdminError) in try Self.token(in: path, files) }
    var tls: TLS?
    if let certificate = http.tls.certificateFile, let key = http.tls.keyFile { tls = TLS(certificateFile: certificate, keyFile: key) }
    try self.init(host: host, port: port, token: token, tls: tls)
  }

  private static func token(in path: String, _ files: any ConfigurationFileSystem) throws(AdminError) -> String {
    let bytes: [UInt8]?
    do throws(UnreadableFile) {
      bytes = try files.contents(of: path)
    } catch {
      throw AdminError("http.token_file: \(path) can't be read: \(error.reason); let this user read it")
    }
    guard let bytes else { throw AdminError("http.token_file: there is no \(path); create it, with the token as its only line") }
    let token = String(decoding: bytes, as: UTF8.self).trimmingSuffix { $0.isWhitespace }
    // The token must be valid in a header and hard to guess.
    guard token.utf8.count >= 16, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw AdminError(
        "http.token_file: the token in \(path) must be one line of at least 16 visible ASCII characters; "
          + "`openssl rand -hex 32` makes a good one")
    }
    return token
  }
}

extension String {
  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, predicate(last) { text.removeLast() }
    return text
  }
}
