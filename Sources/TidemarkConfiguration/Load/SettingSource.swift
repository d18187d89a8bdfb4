/// Where a value comes from, the later the stronger.
package enum SettingSource: Hashable, Sendable {
  case standard
  case file(String, TextPosition)
  case environment(String)
  /// The flag's name with its dashes.
  case flag(String)
  /// A command that brings a value of its own, such as `dev` with its servers. Unlike a flag it stands in no command line.
  case command(String)
  case tune

  /// For problems: precise to the column.
  var place: String {
    if case .file(let path, let position) = self { return "\(path):\(position.line):\(position.column)" }
    return description
  }

  /// For combinations of settings: the strongest source is the one that somebody just changed.
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
  /// As listings show it: `default`, `file tidemark.yaml:12`, `environment TIDEMARK_BATCH_MAX_ENTRIES`, `flag --listen`, `command dev`, `tune`.
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
