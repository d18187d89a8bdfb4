/// A valid configuration with the source of each value.
package struct LoadedConfiguration: Sendable {
  package let configuration: Configuration
  /// The file that was read; nil if there was none.
  package let path: String?
  private let sources: [String: SettingSource]

  /// The files that secrets were read from, by key.
  let secretFiles: [String: SecretFile]

  init(configuration: Configuration, sources: [String: SettingSource], secretFiles: [String: SecretFile], path: String?) {
    self.configuration = configuration
    self.sources = sources
    self.secretFiles = secretFiles
    self.path = path
  }

  /// Returns the source of a key's value.
  package func source(of key: String) -> SettingSource { sources[key] ?? .standard }

  /// Returns the file that a secret was read from, so that it can be read again; nil if the secret came from another source.
  package func secretFile(of key: String) -> SecretFile? { secretFiles[key] }

  /// A setting in the listing of settings.
  package struct ReportedSetting: Equatable, Sendable {
    package var key: String
    /// The value, redacted; nil if it is unset.
    package var value: String?
    package var source: String
  }

  /// Every setting, in the order of the reference page, with passwords redacted.
  package var settings: [ReportedSetting] {
    ConfigurationSchema.keys.map { key in
      ReportedSetting(key: key.path, value: key.shown(in: configuration), source: source(of: key.path).description)
    }
  }

  /// Warnings that are not errors, one line each: reserved settings that differ from their defaults.
  package var warnings: [String] {
    ConfigurationSchema.keys.compactMap { key in
      guard key.status == .reserved, key.value(in: configuration) != key.value(in: Configuration()) else { return nil }
      return "\(source(of: key.path).place): \(key.path) is reserved: this release reads it but ignores it"
    }
  }

  /// The keys that a reload changed.
  package struct Changes: Equatable, Sendable {
    /// The changed keys that a running worker applies.
    package var reloadable: [String] = []
    /// The changed keys that keep their old value until a restart.
    package var needsRestart: [String] = []

    package var isEmpty: Bool { reloadable.isEmpty && needsRestart.isEmpty }
  }

  /// Returns the differences from `old`, in the order of the reference page.
  package func changes(from old: LoadedConfiguration) -> Changes {
    var changes = Changes()
    for key in ConfigurationSchema.keys where key.value(in: configuration) != key.value(in: old.configuration) {
      // Each connection reads the file again, so its content needs no restart.
      if let file = secretFiles[key.path], file.path == old.secretFiles[key.path]?.path { continue }
      if key.isReloadable {
        changes.reloadable.append(key.path)
      } else {
        changes.needsRestart.append(key.path)
      }
    }
    return changes
  }

  /// Returns a text for each of these keys, whose new values a reload did not apply; passwords are redacted.
  package func differences(of keys: [String], from inForce: LoadedConfiguration) -> [String] {
    ConfigurationSchema.keys.filter { keys.contains($0.path) }.map { key in
      let (new, old) = (key.shown(in: configuration) ?? "unset", key.shown(in: inForce.configuration) ?? "unset")
      return new == old ? "\(key.path) (changed)" : "\(key.path)=\(new) (in force: \(old))"
    }
  }

  /// Returns the configuration in force after a running worker reloads `new`: the reloadable settings of `new` and all others of the
  /// worker's start. Throws if they can't be combined, or if the worker's file is gone: its settings would silently fall back to the
  /// defaults, or to a file in another place.
  package func reloading(_ new: LoadedConfiguration) throws(ConfigurationError) -> LoadedConfiguration {
    if let path, new.path != path {
      let other = new.path.map { ", and \(RawValue.quoted($0)) is a different file" } ?? ""
      throw ConfigurationError([
        Problem(
          source: .file(path, TextPosition(line: 1, column: 1)), what: "the file that this worker was started with is gone\(other)",
          hint: "put it back and send SIGHUP again, or restart the worker to run without it")
      ])
    }
    var resolution = Resolution(self, sources: sources)
    for key in ConfigurationSchema.keys where key.isReloadable {
      resolution.take(key, from: new.configuration, source: new.sources[key.path])
    }
    return try resolution.finish(path: new.path)
  }

  /// Returns this configuration with further values over it, as `tidemark tune` sends them. Combinations are checked again.
  package func applying(_ overlays: [Overlay]) throws(ConfigurationError) -> LoadedConfiguration {
    var resolution = Resolution(self, sources: sources)
    for overlay in overlays { resolution.apply(overlay) }
    return try resolution.finish(path: path)
  }
}
