/// Reads the configuration from the defaults, the file, the environment and the overlays. Each source overrides the previous one.
package struct ConfigurationLoader: Sendable {
  /// The variable that names the file when `--config` does not.
  package static let pathVariable = "TIDEMARK_CONFIG"
  /// The paths that are tried, in this order, when no file is named.
  package static let usualPaths = ["tidemark.yaml", "/etc/tidemark.yaml"]

  private let fileSystem: any ConfigurationFileSystem
  private let environment: [String: String]
  private let overlays: [Overlay]

  /// - Parameter overlays: flags and tuned values. The stronger source wins; of equally strong ones the later.
  package init(
    fileSystem: any ConfigurationFileSystem = LocalFileSystem(), environment: [String: String], overlays: [Overlay] = []
  ) {
    self.fileSystem = fileSystem
    self.environment = environment
    self.overlays = overlays
  }

  /// Loads the configuration.
  ///
  /// - Parameter path: the value of `--config`; nil tries the usual paths.
  /// - Throws: all problems of file, environment, overlays and their combinations at once.
  package func load(path: String? = nil) throws(ConfigurationError) -> LoadedConfiguration {
    var resolution = Resolution()
    let used = readFile(path, into: &resolution)
    resolution.read(environment: environment, fileSystem: fileSystem)
    for rank in Set(overlays.map(\.source.rank)).sorted() {
      for overlay in overlays where overlay.source.rank == rank { resolution.apply(overlay) }
    }
    return try resolution.finish(path: used)
  }

  /// Reads the file and returns its path; nil if there is no file.
  private func readFile(_ path: String?, into resolution: inout Resolution) -> String? {
    let variable = environment[Self.pathVariable].flatMap { $0.isEmpty ? nil : $0 }
    let named = path ?? variable
    let blamed = path == nil ? SettingSource.environment(Self.pathVariable) : SettingSource.flag("--config")
    for candidate in named.map({ [$0] }) ?? Self.usualPaths {
      do throws(UnreadableFile) {
        guard let bytes = try fileSystem.contents(of: candidate) else { continue }
        resolution.read(file: candidate, bytes: bytes)
        return candidate
      } catch {
        let source = named == nil ? SettingSource.file(candidate, TextPosition(line: 1, column: 1)) : blamed
        resolution.report(
          "the file \(RawValue.quoted(candidate)) cannot be read: \(error.reason)", at: source, hint: "let this user read it")
        return candidate
      }
    }
    if let named {
      resolution.report("there is no file \(RawValue.quoted(named))", at: blamed, hint: "create it or name another")
    }
    return nil
  }
}
