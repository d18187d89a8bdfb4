/// The source of a value. Later cases override earlier ones.
package enum SettingSource: Hashable, Sendable {
  case standard
  case file(String, TextPosition)
  case environment(String)
  /// A flag; the name includes its dashes.
  case flag(String)
  /// A command that sets a value itself, such as `dev` with its servers. Unlike a flag, it is in no command line.
  case command(String)
  case tune

  /// The source for problems, precise to the column.
  var place: String {
    if case .file(let path, let position) = self { return "\(path):\(position.line):\(position.column)" }
    return description
  }

  /// The strength of the source. For combinations of settings, the strongest source is the one that the user changed last.
  var rank: Int {
    switch self {
    case .standard: 0
    case .file: 1
    case .environment: 2
    case .flag: 3
    case .command: 4
    case .tune: 5
    }
  }
}

extension SettingSource: CustomStringConvertible {
  /// The source as listings show it: `default`, `file tidemark.yaml:12`, `environment TIDEMARK_BATCH_MAX_ENTRIES`, `flag --listen`,
  /// `command dev`, `tune`.
  package var description: String {
    switch self {
    case .standard: "default"
    case .file(let path, let position): "file \(path):\(position.line)"
    case .environment(let name): "environment \(name)"
    case .flag(let name): "flag \(name)"
    case .command(let name): "command \(name)"
    case .tune: "tune"
    }
  }
}
