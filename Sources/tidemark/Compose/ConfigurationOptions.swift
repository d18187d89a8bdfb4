import ArgumentParser
import Foundation
import TidemarkConfiguration

/// Where settings come from, the same for every command.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: .long, help: "The configuration file. Default: ./tidemark.yaml, else /etc/tidemark.yaml, else defaults.")
  var config: String?

  @Option(name: .long, help: ArgumentHelp("One setting, as batch.max_entries=1000; may be given several times.", valueName: "key=value"))
  var set: [String] = []

  /// Reads everything. `overlays` are dedicated flags of a command.
  func load(_ overlays: [Overlay] = []) throws -> LoadedConfiguration {
    var all = overlays
    for pair in set {
      guard let equals = pair.firstIndex(of: "=") else {
        // The text itself may be a secret that was meant for another flag.
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
