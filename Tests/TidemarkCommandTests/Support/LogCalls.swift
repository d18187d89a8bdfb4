import Foundation

/// The events that the sources log, each with the keys of its facts, as read from the text of the sources.
///
/// An event is logged by `log(.event, ...)`, by a `FailureLog` or `SteadyTurns` that is made with it, or as `LoggedEvent.event` where the log
/// itself has something to report.
struct LogCalls {
  struct Event: Equatable {
    var keys: Set<String> = []
    /// Whether the event is logged at its other level, too.
    var hasOtherLevel = false
  }

  private(set) var events: [String: Event] = [:]
  /// What is logged without a declared event or key.
  private(set) var undeclared: [String] = []

  /// Reads all sources but those of the enums.
  init(root: String) throws {
    let sources = URL(fileURLWithPath: root).appending(path: "Sources")
    for case let file as URL in FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil) ?? .init() {
      guard file.pathExtension == "swift", !file.path.contains("/TidemarkLog/") else { continue }
      add(try String(contentsOf: file, encoding: .utf8))
    }
  }

  init(text: String) {
    add(text)
  }

  private mutating func add(_ text: String) {
    guard text.contains("import Logging") || text.contains("import TidemarkLog") else { return }
    undeclared += text.matches(of: /logger\??\.(?:trace|debug|info|notice|warning|error|critical)\([^\n]*/).map { String($0.0) }
    undeclared += text.matches(of: /log\(level:[^\n]*|metadataKey: "[^\n]*/).map { String($0.0) }
    for call in text.matches(of: /logger\??\.log\(\s*\.(\w+)/) {
      let arguments = Self.arguments(in: text, from: call.range.lowerBound)
      add(String(call.1), keys: Self.keys(in: arguments), hasOtherLevel: arguments.contains("isAtOtherLevel:"))
    }
    for use in text.matches(of: /LoggedEvent\.(\w+)/) {
      add(String(use.1), keys: Set(text.matches(of: /LogKey\.(\w+)/).map { String($0.1) }), hasOtherLevel: false)
    }
    for use in text.matches(of: /SteadyTurns\(\s*[^\n]*event: \.(\w+), recovered: \.(\w+)/) {
      add(String(use.1), keys: ["reason", "hint"], hasOtherLevel: true)
      add(String(use.2), keys: [], hasOtherLevel: false)
    }
    for use in text.matches(of: /(\w+) = FailureLog(?:<[\w?]+>)?\(\s*failing: \.(\w+), recovered: (?:nil|\.(\w+))/) {
      addFailureLog(named: use.1, failing: String(use.2), recovered: use.3.map { String($0) }, in: text)
    }
  }

  private mutating func addFailureLog(named name: Substring, failing: String, recovered: String?, in text: String) {
    for call in text.ranges(of: "\(name).failed(") {
      let arguments = Self.arguments(in: text, from: call.lowerBound)
      // What is handed an error adds its hint, and takes an outage for one that others report.
      let takesError = arguments.contains(/failed\((?:[^\n(]+, )?error[,)]/)
      let keys = Self.keys(in: arguments).union(takesError ? ["reason", "hint"] : ["reason"])
      add(failing, keys: keys, hasOtherLevel: takesError || arguments.contains("isAtOtherLevel:"))
    }
    guard let recovered else { return }
    for call in text.ranges(of: "\(name).succeeded(") {
      add(recovered, keys: Self.keys(in: Self.arguments(in: text, from: call.lowerBound)), hasOtherLevel: false)
    }
  }

  private mutating func add(_ event: String, keys: Set<String>, hasOtherLevel: Bool) {
    events[event, default: Event()].keys.formUnion(keys)
    if hasOtherLevel { events[event]?.hasOtherLevel = true }
  }

  /// Returns a call to the end of its parentheses, and of a closure behind them.
  private static func arguments(in text: String, from start: String.Index) -> Substring {
    var depth = 0
    for index in text[start...].indices {
      switch text[index] {
      case "(", "[", "{": depth += 1
      case ")", "]", "}":
        depth -= 1
        if depth == 0, !text[text.index(after: index)...].hasPrefix(" {") { return text[start...index] }
      default: break
      }
    }
    return text[start...]
  }

  private static func keys(in arguments: Substring) -> Set<String> {
    let keys = Set(arguments.matches(of: #/[\[,]\s*\.(\w+): /#).map { String($0.1) })
    return arguments.contains(/server\??\.metadata/) ? keys.union(["server"]) : keys
  }
}
