import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@Suite("TLS")
struct TLSTests {
  @Test("A server that wants certificates is reached with them, and refused ones are misconfigurations")
  func mutual() async throws {
    let folder = try await ScratchSpace.current().folder("tls")
    let certificates = try await TestCertificates(in: folder)
    for path in [folder, certificates.server, certificates.serverKey, certificates.authority] { try ServerUser.forRedis()?.own(path) }
    let port = try FreePort.next()
    let arguments = [
      "--tls-port", "\(port)", "--tls-cert-file", certificates.server, "--tls-key-file", certificates.serverKey,
      "--tls-ca-cert-file", certificates.authority, "--tls-auth-clients", "yes",
    ]
    try await withRedis(.init(arguments: arguments)) { server in
      try await server.command("XADD", "lane", "1-0", "k", "v")
      for host in ["127.0.0.1", "localhost"] {
        let good = try RedisConfiguration(
          url: "rediss://\(host):\(port)", tlsCAFile: certificates.authority, tlsCertificateFile: certificates.client,
          tlsKeyFile: certificates.clientKey)
        try await using(good) { source in
          let reply = try await source.read(.of("lane"))
          #expect(reply.block?.entries.count == 1)
        }
      }
      let url = "rediss://localhost:\(port)"
      let bad = [
        // The cases are an unknown authority, a missing client certificate, and a missing file.
        try RedisConfiguration(url: url, tlsCertificateFile: certificates.client, tlsKeyFile: certificates.clientKey),
        try RedisConfiguration(url: url, tlsCAFile: certificates.authority),
        try RedisConfiguration(url: url, tlsCAFile: "\(folder)/none.pem"),
      ]
      for configuration in bad {
        let error = await failure { try await using(configuration) { try await $0.ping() } }
        #expect(error?.kind == .misconfigured, "\(configuration): \(error?.description ?? "no error")")
      }
      var plain = try RedisConfiguration(url: "rediss://127.0.0.1:\(server.port)", tlsCAFile: certificates.authority)
      plain.commandTimeout = .milliseconds(500)
      let error = await failure { try await using(plain) { try await $0.ping() } }
      #expect(error?.kind == .unavailable)
      #expect(error?.description.contains("TLS") == true)
    }
  }
}

/// An authority, a server's certificate for localhost and 127.0.0.1, and a client's certificate.
private struct TestCertificates {
  let authority: String
  let server: String
  let serverKey: String
  let client: String
  let clientKey: String

  init(in folder: String) async throws {
    let openssl = try Program.find(["openssl"], package: "openssl")
    authority = "\(folder)/ca.pem"
    let authorityKey = "\(folder)/ca.key"
    let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    try await openssl.output(
      ["req", "-x509"] + newKey + ["-keyout", authorityKey, "-out", authority, "-subj", "/CN=Test authority"])
    let authority = authority
    func issue(_ name: String, _ alternatives: String) async throws -> (String, String) {
      let paths = (certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
      try await openssl.output(
        ["req", "-x509"] + newKey + [
          "-CA", authority, "-CAkey", authorityKey, "-keyout", paths.key, "-out", paths.certificate, "-subj", "/CN=\(name)",
          "-addext", "subjectAltName=\(alternatives)", "-addext", "basicConstraints=critical,CA:FALSE",
        ])
      return paths
    }
    (server, serverKey) = try await issue("server", "DNS:localhost,IP:127.0.0.1")
    (client, clientKey) = try await issue("client", "DNS:client")
  }
}
