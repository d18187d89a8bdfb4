internal import TidemarkCore

/// All settings, in the order of the reference page. All code that reads, lists, checks or documents settings uses this schema.
package enum ConfigurationSchema {
  /// A group of settings on the reference page.
  package struct Section: Sendable {
    /// The name in the file; empty for the settings at the file's top level.
    package let name: String
    package let documentation: String
    package let keys: [ConfigurationKey]

    init(_ name: String, _ documentation: String, _ keys: [ConfigurationKey]) {
      self.name = name
      self.documentation = documentation
      self.keys = keys
    }
  }

  package static let sections: [Section] = [
    redis, postgres, state, lanes, batch, buffer, retry, deadLetters, dedupe, lease, checkpoint, limits, text, http, log,
    snapshot, trim, pressure, reconcile, seal, hot, forget, retention,
  ]

  package static let keys: [ConfigurationKey] = sections.flatMap(\.keys)

  private static let byPath = Dictionary(keys.map { ($0.path, $0) }) { first, _ in first }

  /// Returns the setting with this name, such as `batch.max_entries`.
  package static func key(_ path: String) -> ConfigurationKey? { byPath[path] }

  /// Returns the names that may be directly under a section (`""` is the top of the file).
  static func names(under section: String) -> [String] {
    let prefix = section.isEmpty ? "" : section + "."
    var names: [String] = []
    for key in keys where key.path.hasPrefix(prefix) {
      let name = String(key.path.dropFirst(prefix.count).prefix { $0 != "." })
      if names.last != name, !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// Returns whether there are settings under this name.
  static func isSection(_ path: String) -> Bool {
    keys.contains { $0.path.hasPrefix(path + ".") }
  }

  /// Returns the setting that a wrong name most likely meant.
  static func nearest(to path: String) -> String? {
    let cut = path.lastIndex(of: ".")
    let section = cut.map { String(path[..<$0]) } ?? ""
    let name = cut.map { String(path[path.index(after: $0)...]) } ?? path
    let siblings = names(under: section)
    if let sibling = NearestName.of(name, in: siblings) { return section.isEmpty ? sibling : "\(section).\(sibling)" }
    // The name may be right and the section wrong; this counts only if exactly one setting has the name.
    let namesakes = keys.filter { $0.path.hasSuffix("." + name) }
    if namesakes.count == 1 { return namesakes[0].path }
    return NearestName.of(path, in: keys.map(\.path))
  }

  /// Parses one setting by itself, as `tidemark tune` does. Combinations with other settings are not checked; see
  /// ``LoadedConfiguration/applying(_:)``.
  package static func parse(key path: String, value: String) throws(ConfigurationError) -> Setting {
    var resolution = Resolution()
    resolution.apply(Overlay(key: path, value: value, source: .tune))
    guard let key = key(path), resolution.problems.isEmpty else { throw ConfigurationError(resolution.problems) }
    return Setting(key: key, value: key.value(in: resolution.configuration))
  }
}
