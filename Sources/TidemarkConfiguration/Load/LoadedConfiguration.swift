/// A configuration without fault, and where each of its values comes from.
package struct LoadedConfiguration: Sendable {
  package let configuration: Configuration
  /// The file that was read; nil where there was none.
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

  /// Where the value of a key comes from.
  package func source(of key: String) -> SettingSource { sources[key] ?? .standard }

  /// The file that a secret was read from, to be read again whenever the secret is needed; nil where its value is all there is.
  package func secretFile(of key: String) -> SecretFile? { secretFiles[key] }

  /// One line of the listing of settings.
  package struct ReportedSetting: Equatable, Sendable {
    package var key: String
    /// Redacted; nil where it is unset.
    package var value: String?
    package var source: String
  }

  /// Every setting, in the order of the reference page, with passwords redacted.
  package var settings: [ReportedSetting] {
    ConfigurationSchema.keys.map { key in
      ReportedSetting(key: key.path, value: key.shown(in: configuration), source: source(of: key.path).description)
    }
  }

  /// What somebody should know and that is no error: reserved settings away from their defaults. One line each.
  package var warnings: [String] {
    ConfigurationSchema.keys.compactMap { key in
      guard key.status == .reserved, key.value(in: configuration) != key.value(in: Configuration()) else { return nil }
      return "\(source(of: key.path).place): \(key.path) is reserved: this release reads it and does not act on it"
    }
  }

  /// Keys that a reload changed.
  package struct Changes: Equatable, Sendable {
    /// A running worker takes these.
    package var reloadable: [String] = []
    /// These keep their old value until a restart.
    package var needsRestart: [String] = []

    package var isEmpty: Bool { reloadable.isEmpty && needsRestart.isEmpty }
  }

  /// What is different from `old`, in the order of the reference page.
  package func changes(from old: LoadedConfiguration) -> Changes {
    var changes = Changes()
    for key in ConfigurationSchema.keys where key.value(in: configuration) != key.value(in: old.configuration) {
      // Each connection reads it again anyway.
      if let file = secretFiles[key.path], file.path == old.secretFiles[key.path]?.path { continue }
      if key.isReloadable {
        changes.reloadable.append(key.path)
      } else {
        changes.needsRestart.append(key.path)
      }
    }
    return changes
  }

  /// What a reload did not put in force, one text for each of these keys, with passwords redacted.
  package func differences(of keys: [String], from inForce: LoadedConfiguration) -> [String] {
    ConfigurationSchema.keys.filter { keys.contains($0.path) }.map { key in
      let (new, old) = (key.shown(in: configuration) ?? "unset", key.shown(in: inForce.configuration) ?? "unset")
      return new == old ? "\(key.path) (changed)" : "\(key.path)=\(new) (in force: \(old))"
    }
  }

  /// What is in force when a running worker reloads `new`: its reloadable settings, and of the others what the worker was started with.
  /// Throws where these do not go together, and where the file of the worker is gone: its settings would fall back to defaults, or to those of
  /// a file in another place.
  package func reloading(_ new: LoadedConfiguration) throws(ConfigurationError) -> LoadedConfiguration {
    if let path, new.path != path {
      let other = new.path.map { ", and \(RawValue.quoted($0)) is another one" } ?? ""
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

  /// The same with further values over it, as `tidemark tune` sends them; combinations are judged again.
  package func applying(_ overlays: [Overlay]) throws(ConfigurationError) -> LoadedConfiguration {
    var resolution = Resolution(self, sources: sources)
    for overlay in overlays { resolution.apply(overlay) }
    return try resolution.finish(path: path)
  }
}
