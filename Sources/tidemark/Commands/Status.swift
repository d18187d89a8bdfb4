import ArgumentParser
import TidemarkAdmin
import TidemarkCore

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lanes, owners, cursors, lag, accounting, and where each setting comes from; works without a worker.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  @Flag(name: .long, help: "Print it anew every second, until stopped.")
  var watch = false

  func run() async throws {
    let reader = try Composition(try options.load()).makeStatusReader()
    repeat {
      do {
        let report = try await reader.read()
        let text = json ? try report.json(pretty: !watch) : StatusTable(report).render()
        if watch, !json { Console.clear() }
        Console.print(text)
      } catch let error as SinkError {
        let line = "postgres: \(error.description)\(error.hint.map { "; \($0)" } ?? "")"
        guard watch else { throw CommandFailure.found(line) }
        Console.error(line)
      }
      if watch, Console.isReadable { try await Task.sleep(for: .seconds(1)) }
    } while watch && Console.isReadable
  }
}
