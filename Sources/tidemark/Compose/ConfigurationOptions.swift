import ArgumentParser
import Foundation
import TidemarkConfiguration

/// The options of every command that name the sources of settings.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: .long, help: "The configuration file. Default: ./tidemark.yaml, else /etc/tidemark.yaml, else the defaults.")
  var config: String?

  @Option(name: .long, help: ArgumentHelp("A setting, such as batch.max_entries=1000; may be given several times.", valueName: "key=value"))
  var set: [String] = []

  /// Reads the settings from all sources. `overlays` are the dedicated flags of a command.
  func load(_ overlays: [Overlay] = []) throws -> LoadedConfiguration {
    var all = overlays
    for pair in set {
      guard let equals = pair.firstIndex(of: "=") else {
        // The text is not shown: it may be a secret that was meant for another flag.
        throw CommandFailure.wrong("--set: is not key=value; write --set batch.max_entries=1000")
      }
      all.append(
        Overlay(key: String(pair[..<equals]), value: String(pair[pair.index(after: equals)...]), source: .flag("--set")))
    }
    do {
      return try ConfigurationLoader(environment: ProcessInfo.processInfo.environment, overlays: all).load(path: config)
    } catch {
      throw CommandFailure.wrong(error)
    }
  }
}
