internal import TidemarkCore

/// A configuration that is being assembled: values of rising precedence, and all their problems.
struct Resolution {
  private(set) var configuration = Configuration()
  /// The source of each value that is not a default.
  private(set) var sources: [String: SettingSource] = [:]
  /// The files that secrets were read from, by key. They are read again when the secrets are needed.
  private(set) var secretFiles: [String: SecretFile] = [:]
  private(set) var problems: [Problem] = []
  /// The settings with a problem. Their values are meaningless, so combinations with them are not checked.
  private(set) var broken: Set<String> = []

  init() {}

  init(_ loaded: LoadedConfiguration, sources: [String: SettingSource]) {
    configuration = loaded.configuration
    self.sources = sources
    secretFiles = loaded.secretFiles
  }

  mutating func report(_ what: String, at source: SettingSource, hint: String, keys: [String] = []) {
    problems.append(Problem(source: source, what: what, hint: hint, keys: keys))
  }

  /// Stores a value, or reports its problem.
  mutating func set(_ key: ConfigurationKey, _ raw: RawValue, from source: SettingSource) {
    let before = problems.count
    let value = key.parse(raw, from: source, into: &problems)
    guard let value, problems.count == before else {
      for index in before..<problems.count { problems[index].keys = [key.path] }
      broken.insert(key.path)
      return
    }
    key.set(value, in: &configuration)
    sources[key.path] = source
    secretFiles[key.path] = nil
  }

  /// Records the file that a secret was read from.
  mutating func note(_ key: ConfigurationKey, from file: SecretFile) {
    if key.isSecret, !broken.contains(key.path) { secretFiles[key.path] = file }
  }

  /// Copies a value that is already validated. A nil source means the default.
  mutating func take(_ key: ConfigurationKey, from other: Configuration, source: SettingSource?) {
    key.set(key.value(in: other), in: &configuration)
    sources[key.path] = source
  }

  /// Refuses a value that can't be tuned, and returns whether it did.
  private mutating func refusesTuning(_ key: ConfigurationKey, at source: SettingSource) -> Bool {
    if !key.isTunable {
      report(
        "\(key.path) cannot be tuned while workers run", at: source,
        hint: key.isReloadable ? "change the file and send SIGHUP" : "change the file and restart the workers", keys: [key.path])
    } else if key.status == .reserved {
      report(
        "\(key.path) is reserved: this release ignores it", at: source, hint: "tune it once a release makes use of it", keys: [key.path])
    }
    return !key.isTunable || key.status == .reserved
  }

  mutating func reportUnknown(_ path: String, at source: SettingSource) {
    let hint: String
    if let nearest = ConfigurationSchema.nearest(to: path) {
      hint = "did you mean \(nearest)?"
    } else {
      let section = path.lastIndex(of: ".").map { String(path[..<$0]) } ?? ""
      let names = ConfigurationSchema.names(under: section).joined(separator: ", ")
      hint = section.isEmpty ? "the settings are \(names)" : "the settings of \(section) are \(names)"
    }
    report("\(RawValue.quoted(path).dropFirst().dropLast()) is not a setting", at: source, hint: hint, keys: [path])
  }

  /// Applies a flag or a tuned value. Secrets are refused from flags, because every user of the machine can read a command line.
  mutating func apply(_ overlay: Overlay) {
    guard let key = ConfigurationSchema.key(overlay.key) else {
      if ConfigurationSchema.isSection(overlay.key) {
        let names = ConfigurationSchema.names(under: overlay.key).joined(separator: ", ")
        report("\(overlay.key) is a section", at: overlay.source, hint: "name one of its settings: \(names)", keys: [overlay.key])
      } else {
        reportUnknown(overlay.key, at: overlay.source)
      }
      return
    }
    if overlay.source == .tune, refusesTuning(key, at: overlay.source) { return }
    let holdsSecret = key.isSecret || (key.kind.mayHoldPassword && ServerURL(overlay.value).hasPassword)
    if holdsSecret, case .flag = overlay.source {
      let name = key.isSecret ? key.environmentName : key.environmentName.replacing("_URL", with: "_PASSWORD")
      report(
        "\(key.path) \(key.isSecret ? "is a secret" : "has a password"), which a flag would show to others", at: overlay.source,
        hint: "give the password in a file named by \(name)_FILE")
      return
    }
    set(key, RawValue(.text(overlay.value)), from: overlay.source)
  }

  /// Checks the combinations and returns the configuration.
  mutating func finish(path: String?) throws(ConfigurationError) -> LoadedConfiguration {
    for combination in Combination.all where broken.isDisjoint(with: combination.keys) {
      guard let fault = combination.fault(configuration) else { continue }
      // The strongest source gets the blame, because the user changed it last.
      let blamed = combination.keys.compactMap { sources[$0] }.max { $0.rank < $1.rank } ?? .standard
      report(fault.what, at: blamed, hint: fault.hint, keys: combination.keys)
    }
    if !broken.contains("lanes") {
      problems += LaneOverlaps(configuration: configuration, source: sources["lanes"] ?? .standard).problems()
    }
    guard problems.isEmpty else { throw ConfigurationError(problems) }
    return LoadedConfiguration(configuration: configuration, sources: sources, secretFiles: secretFiles, path: path)
  }
}
