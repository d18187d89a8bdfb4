internal import TidemarkCore

extension Resolution {
  /// Reads every variable that begins with `TIDEMARK_`. An empty variable counts as unset, because Compose files leave them empty.
  mutating func read(environment: [String: String], fileSystem: any ConfigurationFileSystem) {
    let ours = environment.filter { $0.key.hasPrefix("TIDEMARK_") && !$0.value.isEmpty }
    for (name, value) in ours.sorted(by: { $0.key < $1.key }) where !Self.isSomebodyElses(name, value) {
      if let key = Self.keysByVariable[name] {
        set(key, RawValue(.text(value)), from: .environment(name))
      } else if name.hasSuffix("_FILE"), let key = Self.keysByVariable[String(name.dropLast(5))] {
        read(key, variable: name, file: value, isGivenTwice: ours[key.environmentName] != nil, fileSystem: fileSystem)
      } else {
        let variables = Self.keysByVariable.keys.sorted()
        let nearest = NearestName.of(name, in: variables + variables.map { $0 + "_FILE" })
        report(
          "\(name) is not a setting", at: .environment(name),
          hint: nearest.map { "did you mean \($0)?" } ?? "unset it, or see the names in the reference of settings")
      }
    }
  }

  private mutating func read(
    _ key: ConfigurationKey, variable: String, file: String, isGivenTwice: Bool, fileSystem: any ConfigurationFileSystem
  ) {
    let source = SettingSource.environment(variable)
    guard !isGivenTwice else {
      report("\(key.path) is given twice, by \(key.environmentName) as well", at: source, hint: "unset one of the two")
      return
    }
    // The path is not shown: it is the secret itself if a user has confused the two variables.
    do throws(UnreadableFile) {
      guard let bytes = try fileSystem.contents(of: file) else {
        report("\(key.path) is to be read from a file that does not exist", at: source, hint: "correct the path or unset the variable")
        return
      }
      guard let text = SecretFile.text(bytes) else {
        report("\(key.path) is to be read from a file that is not UTF-8", at: source, hint: "save it as UTF-8")
        return
      }
      set(key, RawValue(.text(text)), from: source)
      note(key, from: SecretFile(file, fileSystem: fileSystem))
    } catch {
      report("\(key.path) is to be read from a file that cannot be read: \(error.reason)", at: source, hint: "let this user read it")
    }
  }

  private static let keysByVariable = Dictionary(
    ConfigurationSchema.keys.map { ($0.environmentName, $0) }, uniquingKeysWith: { first, _ in first })

  /// Returns whether a variable with the prefix is not a setting of Tidemark. Kubernetes sets `TIDEMARK_SERVICE_HOST`,
  /// `TIDEMARK_PORT_9847_TCP` and similar variables in every pod when a Service is named `tidemark` or `tidemark-metrics`.
  private static func isSomebodyElses(_ name: String, _ value: String) -> Bool {
    if name == ConfigurationLoader.pathVariable || name.hasPrefix("TIDEMARK_TEST_") { return true }
    if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") { return true }
    // This rule precedes the next one, because TIDEMARK_PORT_9847_TCP_PORT holds a bare number.
    if name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/) { return true }
    return name.hasSuffix("_PORT") && value.contains("://")
  }
}
