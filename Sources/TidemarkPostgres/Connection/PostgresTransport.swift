internal import CLibPQ
internal import TidemarkCore

/// Whether what stands between us and Postgres can read or change what is said.
package struct PostgresTransport: Sendable, Equatable {
  /// What is wrong with the way to a server on another machine.
  package struct Risk: Sendable, Equatable {
    /// The hosts that it is about.
    package var hosts: [String]
    /// As libpq understands it.
    package var sslmode: String
    /// Whether at least nobody can read along who only listens.
    package var isEncrypted: Bool
  }

  /// Where each connection may lead: a name, an address, or the folder of a socket; empty is libpq's own default.
  package var hosts: [String]
  package var sslmode: String
  /// `sslrootcert` of the URL or the environment; empty where there is none.
  package var rootCertificates: String
  package var gssencmode: String

  /// Nil where every host is this machine, or proves who it is.
  ///
  /// libpq's default is `prefer`: it takes any certificate and goes on without one, so it protects from nobody. `require` checks nothing
  /// either, unless it was given the certificates to check with: then libpq takes it for `verify-ca`.
  package var risk: Risk? {
    let away = hosts.filter { !Self.isLocal($0) }
    guard !away.isEmpty, gssencmode != "require" else { return nil }
    // libpq 16 and later: the system's certificates go with verify-full alone.
    if rootCertificates == "system" { return nil }
    switch sslmode {
    case "verify-full", "verify-ca": return nil
    case "require": return rootCertificates.isEmpty ? Risk(hosts: away, sslmode: sslmode, isEncrypted: true) : nil
    default: return Risk(hosts: away, sslmode: sslmode.isEmpty ? "prefer" : sslmode, isEncrypted: false)
    }
  }

  private static func isLocal(_ host: String) -> Bool {
    // A path, or Linux' sockets without one.
    host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") || LoopbackHost.contains(host)
  }
}

extension PostgresConfiguration {
  /// How it is reached, by the URL and, as libpq does it, by the environment for what the URL leaves out.
  package var transport: PostgresTransport {
    let standard = Self.environmentOptions
    func option(_ name: String) -> String { options[name] ?? standard[name] ?? "" }
    let hosts = attempts.flatMap { attempt -> [String] in
      let name = attempt["host"] ?? standard["host"] ?? ""
      let address = attempt["hostaddr"] ?? standard["hostaddr"] ?? ""
      // The address says where it leads, the name only whose certificate is expected.
      let place = address.isEmpty ? name : address
      return place.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    return PostgresTransport(
      hosts: hosts, sslmode: option("sslmode"), rootCertificates: option("sslrootcert"), gssencmode: option("gssencmode"))
  }

  /// What libpq takes from PG* variables and the service file.
  private static var environmentOptions: [String: String] {
    guard let defaults = PQconndefaults() else { return [:] }
    defer { PQconninfoFree(defaults) }
    var options: [String: String] = [:]
    var option = defaults
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    return options
  }
}
