import TidemarkConfiguration

/// Files that exist only in a test.
struct MemoryFileSystem: ConfigurationFileSystem {
  var files: [String: String] = [:]
  /// The files that exist and can't be read.
  var locked: Set<String> = []

  func contents(of path: String) throws(UnreadableFile) -> [UInt8]? {
    if locked.contains(path) { throw UnreadableFile(reason: "permission denied") }
    return files[path].map { Array($0.utf8) }
  }
}

/// Loads a text as `tidemark.yaml`.
func load(
  _ yaml: String? = nil, environment: [String: String] = [:], files: [String: String] = [:], overlays: [Overlay] = []
) throws(ConfigurationError) -> LoadedConfiguration {
  var fileSystem = MemoryFileSystem(files: files)
  if let yaml { fileSystem.files["tidemark.yaml"] = yaml }
  return try ConfigurationLoader(fileSystem: fileSystem, environment: environment, overlays: overlays).load()
}

/// Returns the problems, one line each; empty if the configuration is valid.
func problems(
  _ yaml: String? = nil, environment: [String: String] = [:], files: [String: String] = [:], overlays: [Overlay] = []
) -> [String] {
  do throws(ConfigurationError) {
    _ = try load(yaml, environment: environment, files: files, overlays: overlays)
    return []
  } catch {
    return error.problems.map(\.description)
  }
}
