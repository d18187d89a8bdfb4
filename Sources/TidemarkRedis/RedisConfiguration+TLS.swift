internal import NIOCore
internal import NIOSSL

extension RedisConfiguration {
  /// The name that the server's certificate must have; nil for an address, which is compared with the certificate's IP addresses.
  var tlsHostName: String? {
    guard case .tcp(let host, let port) = endpoint, (try? SocketAddress(ipAddress: host, port: port)) == nil else { return nil }
    return host
  }

  /// Reads the files. Called for every connection, so that a reconnect uses renewed certificates.
  func makeTLSContext() throws(RedisError) -> NIOSSLContext? {
    guard let tls else { return nil }
    var configuration = TLSConfiguration.makeClientConfiguration()
    do {
      if let file = tls.caFile {
        configuration.trustRoots = .certificates(try Self.reading(file) { try NIOSSLCertificate.fromPEMFile(file) })
      }
      if let file = tls.certificateFile, let keyFile = tls.keyFile {
        configuration.certificateChain = try Self.reading(file) { try NIOSSLCertificate.fromPEMFile(file) }.map { .certificate($0) }
        configuration.privateKey = .privateKey(try Self.reading(keyFile) { try NIOSSLPrivateKey(file: keyFile, format: .pem) })
      }
      return try NIOSSLContext(configuration: configuration)
    } catch let error as RedisError {
      throw error
    } catch {
      throw RedisError(.tls, "redis: the TLS files don't fit together: \(error)", underlying: error)
    }
  }

  private static func reading<Value>(_ file: String, _ read: () throws -> Value) throws -> Value {
    do {
      return try read()
    } catch {
      throw RedisError(.tls, "redis: cannot read the TLS file \(file): \(error); it must be PEM and readable", underlying: error)
    }
  }
}
