import ArgumentParser
import TidemarkConfiguration

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs a worker, which replicates until it is stopped.",
    discussion: "Any number of identical workers may run. SIGTERM and SIGINT drain and stop, SIGHUP reloads the configuration.")

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "The address of status page, metrics and probes: host:port, or off.")
  var listen: String?

  func run() async throws {
    let overlays = listen.map { [Overlay(key: "http.listen", value: $0, source: .flag("--listen"))] } ?? []
    let load = { @Sendable [options] in try options.load(overlays) }
    let runtime = try Runtime(try load(), reload: load)
    try await runtime.run()
  }
}
