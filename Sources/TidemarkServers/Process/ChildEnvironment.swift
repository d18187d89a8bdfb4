import Foundation
import Subprocess

/// What a child process sees of this process' environment.
enum ChildEnvironment {
  /// Where programs and their texts are found. Servers and their tools need no more: passwords of this process' own configuration
  /// (`TIDEMARK_REDIS_PASSWORD`, `PGPASSWORD`) are none of their business, and a `PGHOST` would lead a client elsewhere.
  private static let needed: Set<String> = ["PATH", "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "TZ", "TMPDIR"]

  /// - Parameters:
  ///   - inherits: whether the child, which is Tidemark itself, gets all of it.
  ///   - changes: on top of that; nil removes a variable.
  static func make(inherits: Bool, changes: [String: String?]) -> Environment {
    var environment = ProcessInfo.processInfo.environment
    if !inherits { environment = environment.filter { needed.contains($0.key) || $0.key.hasPrefix("LC_") } }
    for (name, value) in changes { environment[name] = value }
    return .custom(Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }))
  }
}
