internal import TidemarkCore

/// A rule that compares settings which are each valid by themselves.
struct Combination: Sendable {
  struct Fault: Sendable {
    var what: String
    var hint: String
  }

  /// The keys that the rule compares. The rule is not checked if one of them is invalid already.
  let keys: [String]
  /// Returns the fault of a configuration; nil if the rule holds.
  let fault: @Sendable (Configuration) -> Fault?

  static let all: [Combination] = [
    Combination(keys: ["batch.max_bytes", "buffer.max_bytes"]) { configuration in
      larger(
        "batch.max_bytes", configuration.batch.maxBytes, than: "buffer.max_bytes", configuration.buffer.maxBytes)
    },
    Combination(keys: ["limits.max_entry_bytes", "buffer.max_bytes"]) { configuration in
      larger(
        "limits.max_entry_bytes", configuration.limits.maxEntryBytes, than: "buffer.max_bytes", configuration.buffer.maxBytes)
    },
    Combination(keys: ["retry.base", "retry.cap"]) { configuration in
      larger("retry.base", Shown(configuration.retry.base), than: "retry.cap", Shown(configuration.retry.cap))
    },
    Combination(keys: ["pressure.slow", "pressure.stop"]) { configuration in
      let (slow, stop) = (configuration.pressure.slow, configuration.pressure.stop)
      guard slow >= stop else { return nil }
      return Fault(
        what: "pressure.slow (\(slow.settingText)) is not less than pressure.stop (\(stop.settingText))",
        hint: "lower pressure.slow or raise pressure.stop")
    },
    Combination(keys: ["http.listen", "http.token_file"]) { configuration in
      guard !configuration.http.listen.isLoopback, configuration.http.tokenFile == nil else { return nil }
      return Fault(
        what: "http.listen (\(configuration.http.listen)) is open to other machines without http.token_file",
        hint: "set http.token_file, or listen on 127.0.0.1")
    },
    pair("http.tls.certificate_file", \.http.tls.certificateFile, "http.tls.key_file", \.http.tls.keyFile),
    pair("redis.tls.certificate_file", \.redis.tls.certificateFile, "redis.tls.key_file", \.redis.tls.keyFile),
    Combination(keys: ["redis.tls.ca_file", "redis.tls.certificate_file", "redis.tls.key_file", "redis.url"]) { configuration in
      let tls = configuration.redis.tls
      guard let url = try? RedisURL(configuration.redis.url), !url.usesTLS, tls != Configuration.Redis.TLS() else { return nil }
      return Fault(what: "redis.tls has files, and redis.url is without TLS", hint: "write redis.url with rediss://")
    },
    once("redis.password", \.redis.password, in: "redis.url", \.redis.url, "password") { $0.hasPassword },
    once("redis.username", \.redis.username, in: "redis.url", \.redis.url, "user") { $0.parts?.user != nil },
    once("postgres.password", \.postgres.password, in: "postgres.url", \.postgres.url, "password") { $0.hasPassword },
  ]

  private static func larger<Value: Comparable & CustomStringConvertible>(
    _ small: String, _ value: Value, than large: String, _ bound: Value
  ) -> Fault? {
    guard value > bound else { return nil }
    return Fault(what: "\(small) (\(value)) is above \(large) (\(bound))", hint: "lower \(small) or raise \(large)")
  }

  /// Adds a rule for two files of which neither is useful alone.
  private static func pair(
    _ first: String, _ firstField: any KeyPath<Configuration, String?> & Sendable,
    _ second: String, _ secondField: any KeyPath<Configuration, String?> & Sendable
  ) -> Combination {
    Combination(keys: [first, second]) { configuration in
      let hasFirst = configuration[keyPath: firstField] != nil
      guard hasFirst != (configuration[keyPath: secondField] != nil) else { return nil }
      return Fault(what: "\(hasFirst ? first : second) is set without \(hasFirst ? second : first)", hint: "set both or neither")
    }
  }

  /// Adds a rule for a value that may be in its own setting or in the URL, but not in both.
  private static func once<Value>(
    _ key: String, _ field: any KeyPath<Configuration, Value?> & Sendable,
    in urlKey: String, _ url: any KeyPath<Configuration, ServerURL> & Sendable, _ noun: String,
    isInURL: @escaping @Sendable (ServerURL) -> Bool
  ) -> Combination {
    Combination(keys: [key, urlKey]) { configuration in
      guard configuration[keyPath: field] != nil, isInURL(configuration[keyPath: url]) else { return nil }
      return Fault(what: "\(key) is set, and \(urlKey) has a \(noun) as well", hint: "remove the \(noun) from \(urlKey)")
    }
  }

  /// A duration whose description is its text in a configuration file.
  private struct Shown: Comparable, CustomStringConvertible {
    var duration: Duration

    init(_ duration: Duration) {
      self.duration = duration
    }

    var description: String { duration.settingText }

    static func < (left: Shown, right: Shown) -> Bool { left.duration < right.duration }
  }
}
