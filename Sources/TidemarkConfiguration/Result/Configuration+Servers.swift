package import TidemarkCore

extension Configuration {
  /// The Redis that agents write to.
  package struct Redis: Equatable, Sendable {
    package var url = ServerURL("redis://127.0.0.1:6379/0")
    package var prefix = "tidemark"
    package var username: String?
    package var password: Secret?
    package var sentinel = Sentinel()
    package var tls = TLS()

    package struct Sentinel: Equatable, Sendable {
      package var username: String?
      package var password: Secret?
    }

    package struct TLS: Equatable, Sendable {
      package var caFile: String?
      package var certificateFile: String?
      package var keyFile: String?
    }
  }

  /// The PostgreSQL that everyone reads.
  package struct Postgres: Equatable, Sendable {
    package var url = ServerURL("postgresql:///tidemark")
    package var schema = "tidemark"
    package var writers = 2
    package var password: Secret?
    package var statementTimeout = Duration.seconds(60)
    package var lockTimeout = Duration.seconds(5)
  }

  /// The status page, the metrics and the probes.
  package struct HTTP: Equatable, Sendable {
    package var listen = ListenAddress.address(host: "127.0.0.1", port: 9847)
    package var tokenFile: String?
    package var tls = TLS()

    package struct TLS: Equatable, Sendable {
      package var certificateFile: String?
      package var keyFile: String?
    }
  }

  package struct Log: Equatable, Sendable {
    package var level = LogLevel.info
    package var format = LogFormat.text
  }

  package enum LogLevel: String, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical
  }

  package enum LogFormat: String, CaseIterable, Sendable {
    case text, json
  }
}
