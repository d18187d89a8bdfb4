/// A configuration while it is put together: values by rising precedence, and everything that is wrong with them.
struct Resolution {
  private(set) var configuration = Configuration()
  /// Where each value that is no default comes from.
  private(set) var sources: [String: SettingSource] = [:]
  /// The files that secrets were read from, by key: they are read again when they are needed.
  private(set) var secretFiles: [String: SecretFile] = [:]
  private(set) var problems: [Problem] = []
  /// Settings with a problem, whose value says nothing: combinations with them are not judged.
  private(set) var broken: Set<String> = []

  init() {}

  init(_ loaded: LoadedConfiguration, sources: [String: SettingSource]) {
    configuration = loaded.configuration
    self.sources = sources
    secretFiles = loaded.secretFiles
  }

  mutating func report(_ what: String, at source: SettingSource, hint: String) {
    problems.append(Problem(source: source, what: what, hint: hint))
  }

  /// Puts a value in its place, or reports what is wrong with it.
  mutating func set(_ key: ConfigurationKey, _ raw: RawValue, from source: SettingSource) {
    let before = problems.count
    let value = key.parse(raw, from: source, into: &problems)
    guard let value, problems.count == before else {
      broken.insert(key.path)
      return
    }
    key.set(value, in: &configuration)
    sources[key.path] = source
    secretFiles[key.path] = nil
  }

  /// A secret was read from this file.
  mutating func note(_ key: ConfigurationKey, from file: SecretFile) {
    if key.isSecret, !broken.contains(key.path) { secretFiles[key.path] = file }
  }

  /// Takes over a value that was judged by itself already. Nil: it is the default.
  mutating func take(_ key: ConfigurationKey, from other: Configuration, source: SettingSource?) {
    key.set(key.value(in: other), in: &configuration)
    sources[key.path] = source
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
    report("\(RawValue.quoted(path).dropFirst().dropLast()) is not a setting", at: source, hint: hint)
  }

  /// A flag or what was tuned. Secrets never come from flags: every user of the machine can read a command line.
  mutating func apply(_ overlay: Overlay) {
    guard let key = ConfigurationSchema.key(overlay.key) else {
      if ConfigurationSchema.isSection(overlay.key) {
        let names = ConfigurationSchema.names(under: overlay.key).joined(separator: ", ")
        report("\(overlay.key) is a section", at: overlay.source, hint: "name one of its settings: \(names)")
      } else {
        reportUnknown(overlay.key, at: overlay.source)
      }
      return
    }
    if overlay.source == .tune, !key.isTunable {
      report(
        "\(key.path) cannot be tuned while workers run", at: overlay.source,
        hint: key.isReloadable ? "change the file and send SIGHUP" : "change the file and restart the workers")
      return
    }
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

  /// Judges combinations, then hands over what was put together.
  mutating func finish(path: String?) throws(ConfigurationError) -> LoadedConfiguration {
    for combination in Combination.all where broken.isDisjoint(with: combination.keys) {
      guard let fault = combination.fault(configuration) else { continue }
      // Blame the strongest source: the last that somebody touched.
      let blamed = combination.keys.compactMap { sources[$0] }.max { $0.rank < $1.rank } ?? .standard
      report(fault.what, at: blamed, hint: fault.hint)
    }
    if !broken.contains("lanes") {
      problems += LaneOverlaps(configuration: configuration, source: sources["lanes"] ?? .standard).problems()
    }
    guard problems.isEmpty else { throw ConfigurationError(problems) }
    return LoadedConfiguration(configuration: configuration, sources: sources, secretFiles: secretFiles, path: path)
  }
}
